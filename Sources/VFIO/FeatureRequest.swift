internal import CVFIO
internal import MigrationModel

/// The header of one `VFIO_DEVICE_FEATURE` request: `{u32 argsz, u32 flags}`, the payload behind it.
///
/// Source: linux/vfio.h, `struct vfio_device_feature`.
enum FeatureRequest {
    enum Operation: UInt32 {
        case get = 0x1_0000
        case set = 0x2_0000
        case probe = 0x4_0000
    }

    /// What the agent asks of a device.
    enum Feature: UInt32 {
        case migration = 1
        case deviceState = 2
        case dataSize = 9
        case precopyInfoV2 = 12
    }

    static func header(
        _ feature: Feature, _ operations: Operation..., payload: Int = 0
    ) -> ferry_vfio_feature_header {
        ferry_vfio_feature_header(
            argsz: UInt32(MemoryLayout<ferry_vfio_feature_header>.size + payload),
            flags: operations.reduce(feature.rawValue) { $0 | $1.rawValue })
    }

    static func getMigration() -> ferry_vfio_feature_migration {
        ferry_vfio_feature_migration(
            header: header(.migration, .get, payload: 8),
            payload: vfio_device_feature_migration(flags: 0))
    }

    static func getState() -> ferry_vfio_feature_mig_state {
        ferry_vfio_feature_mig_state(
            header: header(.deviceState, .get, payload: 8),
            payload: vfio_device_feature_mig_state(device_state: 0, data_fd: -1))
    }

    static func setState(_ state: MigrationState) -> ferry_vfio_feature_mig_state {
        ferry_vfio_feature_mig_state(
            header: header(.deviceState, .set, payload: 8),
            payload: vfio_device_feature_mig_state(device_state: state.rawValue, data_fd: -1))
    }

    static func getDataSize() -> ferry_vfio_feature_mig_data_size {
        ferry_vfio_feature_mig_data_size(
            header: header(.dataSize, .get, payload: 8),
            payload: vfio_device_feature_mig_data_size(stop_copy_length: 0))
    }
}
