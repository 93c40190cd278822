public import SystemPackage

/// A call to VFIO that the kernel refused.
public struct VFIOError: Error, Hashable, Sendable {
    /// What was asked, in the uAPI's words.
    public let call: Call
    /// What the kernel answered.
    public let errno: Errno

    /// A refusal of a call.
    public init(_ call: Call, _ errno: Errno) {
        self.call = call
        self.errno = errno
    }

    /// The calls that can be refused.
    public enum Call: String, Hashable, Sendable {
        /// open(2) of the device's cdev.
        case openDevice = "open of the VFIO device"
        /// open(2) of `/dev/iommu`.
        case openIOMMUFD = "open of /dev/iommu"
        /// open(2) of `/dev/vfio/vfio`.
        case openContainer = "open of /dev/vfio/vfio"
        /// open(2) of `/dev/vfio/GROUP`.
        case openGroup = "open of the VFIO group"
        /// `VFIO_DEVICE_BIND_IOMMUFD`.
        case bindIOMMUFD = "VFIO_DEVICE_BIND_IOMMUFD"
        /// `VFIO_GET_API_VERSION`, `VFIO_CHECK_EXTENSION`.
        case checkExtension = "VFIO_CHECK_EXTENSION"
        /// `VFIO_GROUP_GET_STATUS`.
        case groupStatus = "VFIO_GROUP_GET_STATUS"
        /// `VFIO_GROUP_SET_CONTAINER`.
        case setContainer = "VFIO_GROUP_SET_CONTAINER"
        /// `VFIO_SET_IOMMU`.
        case setIOMMU = "VFIO_SET_IOMMU"
        /// `VFIO_GROUP_GET_DEVICE_FD`.
        case getDeviceFD = "VFIO_GROUP_GET_DEVICE_FD"
        /// `VFIO_DEVICE_GET_INFO`.
        case getInfo = "VFIO_DEVICE_GET_INFO"
        /// `VFIO_DEVICE_RESET`.
        case reset = "VFIO_DEVICE_RESET"
        /// `VFIO_DEVICE_FEATURE` PROBE.
        case probe = "VFIO_DEVICE_FEATURE PROBE"
        /// `VFIO_DEVICE_FEATURE` GET of `VFIO_DEVICE_FEATURE_MIGRATION`.
        case getMigration = "VFIO_DEVICE_FEATURE_MIGRATION GET"
        /// `VFIO_DEVICE_FEATURE` GET of `VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE`.
        case getState = "VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE GET"
        /// `VFIO_DEVICE_FEATURE` SET of `VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE`.
        case setState = "VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE SET"
        /// `VFIO_DEVICE_FEATURE` GET of `VFIO_DEVICE_FEATURE_MIG_DATA_SIZE`.
        case getDataSize = "VFIO_DEVICE_FEATURE_MIG_DATA_SIZE GET"
        /// `VFIO_DEVICE_FEATURE` SET of `VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2`.
        case setPrecopyInfoV2 = "VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 SET"
        /// `VFIO_MIG_GET_PRECOPY_INFO`.
        case getPrecopyInfo = "VFIO_MIG_GET_PRECOPY_INFO"
        /// read(2) of the data fd.
        case read = "read of the data fd"
        /// write(2) to the data fd.
        case write = "write to the data fd"
    }
}

/// Names the call that a system call's refusal belongs to.
func asking<Result: ~Copyable>(
    _ call: VFIOError.Call, _ body: () throws(Errno) -> Result
) throws(VFIOError) -> Result {
    do throws(Errno) {
        return try body()
    } catch {
        throw VFIOError(call, error)
    }
}
