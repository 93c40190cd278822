/// How much of a device's state is estimated to be left while it is in pre-copy.
///
/// Corresponds to `struct vfio_precopy_info`. Source: linux/vfio.h, `VFIO_MIG_GET_PRECOPY_INFO`.
public struct PrecopyInfo: Hashable, Sendable {
    /// What is left of the initial data, in bytes. It may jump up again (see ``reinit``).
    public let initialBytes: UInt64
    /// What has been dirtied since and is to be sent again, in bytes.
    public let dirtyBytes: UInt64
    /// The device has started its initial data anew. Nil where the driver cannot say (version 1).
    public let reinit: Bool?

    /// The two estimates, and whether the initial data started anew.
    public init(initialBytes: UInt64, dirtyBytes: UInt64, reinit: Bool? = nil) {
        self.initialBytes = initialBytes
        self.dirtyBytes = dirtyBytes
        self.reinit = reinit
    }
}

/// Which form of `VFIO_MIG_GET_PRECOPY_INFO` a device speaks.
public enum PrecopyInfoVersion: Int, Hashable, Sendable {
    /// The flags mean nothing.
    case v1 = 1
    /// Opted in with `VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2`: the flags carry REINIT.
    case v2 = 2
}
