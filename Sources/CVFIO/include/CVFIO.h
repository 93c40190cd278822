// The VFIO uAPI as this agent uses it: linux/vfio.h, what older headers lack of it, and as constants
// what Swift does not import (the _IO macros). Debian 12's headers are those of Linux 6.1, which
// know neither PRE_COPY nor MIG_DATA_SIZE nor iommufd's cdevs.
#pragma once

#include <linux/ioctl.h>
#include <linux/types.h>
#include <linux/vfio.h>

// ---- What came after Linux 6.1 ----

// Linux 6.2: pre-copy.
#ifndef VFIO_MIGRATION_PRE_COPY
#define VFIO_MIGRATION_PRE_COPY (1 << 2)
#endif

#ifndef VFIO_MIG_GET_PRECOPY_INFO
struct vfio_precopy_info {
    __u32 argsz;
    __u32 flags;
    __aligned_u64 initial_bytes;
    __aligned_u64 dirty_bytes;
};
#define VFIO_MIG_GET_PRECOPY_INFO _IO(VFIO_TYPE, VFIO_BASE + 21)
#endif

// Linux 6.2: how much STOP_COPY will transfer.
#ifndef VFIO_DEVICE_FEATURE_MIG_DATA_SIZE
struct vfio_device_feature_mig_data_size {
    __aligned_u64 stop_copy_length;
};
#define VFIO_DEVICE_FEATURE_MIG_DATA_SIZE 9
#endif

// Linux 6.6: devices as character devices of their own.
#ifndef VFIO_DEVICE_BIND_IOMMUFD
struct vfio_device_bind_iommufd {
    __u32 argsz;
    __u32 flags;
    __s32 iommufd;
    __u32 out_devid;
};
#define VFIO_DEVICE_BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)
#endif

// Linux 7: flags in struct vfio_precopy_info once a device has opted in.
#ifndef VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2
#define VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 12
#endif
#ifndef VFIO_PRECOPY_INFO_REINIT
#define VFIO_PRECOPY_INFO_REINIT (1 << 0)
#endif

// ---- VFIO_DEVICE_FEATURE with its payload behind it: `data[]` as a member ----

struct ferry_vfio_feature_header {
    __u32 argsz;
    __u32 flags;
};

struct ferry_vfio_feature_migration {
    struct ferry_vfio_feature_header header;
    struct vfio_device_feature_migration payload;
};

struct ferry_vfio_feature_mig_state {
    struct ferry_vfio_feature_header header;
    struct vfio_device_feature_mig_state payload;
};

struct ferry_vfio_feature_mig_data_size {
    struct ferry_vfio_feature_header header;
    struct vfio_device_feature_mig_data_size payload;
};

// ---- Numbers that Swift does not import ----

#define FERRY_REQUEST(name) static const unsigned long ferry_##name = name
FERRY_REQUEST(VFIO_GET_API_VERSION);
FERRY_REQUEST(VFIO_CHECK_EXTENSION);
FERRY_REQUEST(VFIO_SET_IOMMU);
FERRY_REQUEST(VFIO_GROUP_GET_STATUS);
FERRY_REQUEST(VFIO_GROUP_SET_CONTAINER);
FERRY_REQUEST(VFIO_GROUP_GET_DEVICE_FD);
FERRY_REQUEST(VFIO_DEVICE_GET_INFO);
FERRY_REQUEST(VFIO_DEVICE_RESET);
FERRY_REQUEST(VFIO_DEVICE_FEATURE);
FERRY_REQUEST(VFIO_DEVICE_BIND_IOMMUFD);
FERRY_REQUEST(VFIO_MIG_GET_PRECOPY_INFO);
#undef FERRY_REQUEST
