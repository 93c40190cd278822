// The layout of every structure that goes to the kernel, pinned at compile time against the uAPI.
#include "CVFIO.h"

#include <stddef.h>

#define SIZE(type, bytes) static_assert(sizeof(struct type) == (bytes), #type)
#define AT(type, member, offset) \
    static_assert(offsetof(struct type, member) == (offset), #type "." #member)

SIZE(vfio_device_feature_migration, 8);
SIZE(vfio_device_feature_mig_state, 8);
AT(vfio_device_feature_mig_state, device_state, 0);
AT(vfio_device_feature_mig_state, data_fd, 4);
SIZE(vfio_device_feature_mig_data_size, 8);

SIZE(vfio_precopy_info, 24);
AT(vfio_precopy_info, flags, 4);
AT(vfio_precopy_info, initial_bytes, 8);
AT(vfio_precopy_info, dirty_bytes, 16);

SIZE(vfio_device_bind_iommufd, 16);
AT(vfio_device_bind_iommufd, iommufd, 8);
AT(vfio_device_bind_iommufd, out_devid, 12);

SIZE(vfio_group_status, 8);
AT(vfio_device_info, flags, 4);
AT(vfio_device_info, num_regions, 8);
AT(vfio_device_info, num_irqs, 12);

SIZE(vfio_device_feature, 8);
SIZE(ferry_vfio_feature_header, 8);
SIZE(ferry_vfio_feature_migration, 16);
SIZE(ferry_vfio_feature_mig_state, 16);
SIZE(ferry_vfio_feature_mig_data_size, 16);
AT(ferry_vfio_feature_mig_state, payload, offsetof(struct vfio_device_feature, data));

static_assert(VFIO_TYPE == ';' && VFIO_BASE == 100, "VFIO's ioctl numbers");
static_assert(VFIO_DEVICE_RESET == _IO(';', 111), "VFIO_DEVICE_RESET");
static_assert(VFIO_DEVICE_FEATURE == _IO(';', 117), "VFIO_DEVICE_FEATURE");
static_assert(VFIO_DEVICE_BIND_IOMMUFD == _IO(';', 118), "VFIO_DEVICE_BIND_IOMMUFD");
static_assert(VFIO_MIG_GET_PRECOPY_INFO == _IO(';', 121), "VFIO_MIG_GET_PRECOPY_INFO");
static_assert(VFIO_DEVICE_FEATURE_GET == 1 << 16 && VFIO_DEVICE_FEATURE_SET == 1 << 17 &&
                  VFIO_DEVICE_FEATURE_PROBE == 1 << 18,
              "VFIO_DEVICE_FEATURE's flags");
static_assert(VFIO_DEVICE_FEATURE_MIGRATION == 1 && VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE == 2 &&
                  VFIO_DEVICE_FEATURE_MIG_DATA_SIZE == 9 &&
                  VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 == 12,
              "VFIO_DEVICE_FEATURE's numbers");
