internal import CVFIO
public import MigrationModel
internal import SystemCalls
public import SystemPackage

/// A VFIO device file: every migration ioctl of the uAPI, one method each.
///
/// Every call may block for as long as the driver holds its own lock or waits for firmware, which
/// can be seconds. After the device left a group or was unbound every call fails with `ENODEV`.
///
/// Source: linux/vfio.h.
public final class VFIODevice: Sendable {
    private let descriptor: OwnedFileDescriptor
    private let context: Context

    /// What must stay open for as long as the device file is used.
    enum Context: Sendable {
        case iommufd(IOMMUFD)
        case group(LegacyGroup)
    }

    init(owning descriptor: consuming OwnedFileDescriptor, in context: Context) {
        self.descriptor = descriptor
        self.context = context
    }

    /// The open device file, for fstat(2), for as long as this object lives.
    public var borrowed: FileDescriptor {
        descriptor.borrowed
    }

    /// What kind of device it is. Corresponds to `VFIO_DEVICE_GET_INFO`.
    public func info() throws(VFIOError) -> VFIODeviceInfo {
        var info = vfio_device_info()
        info.argsz = UInt32(MemoryLayout<vfio_device_info>.size)
        try asking(.getInfo) { () throws(Errno) in
            _ = try descriptor.control(ferry_VFIO_DEVICE_GET_INFO, &info)
        }
        return VFIODeviceInfo(flags: info.flags)
    }

    /// Resets the device: to RUNNING, its session ended, its state gone.
    ///
    /// `EINVAL`: the function has no reset. `EAGAIN`: it cannot be reset now.
    /// Corresponds to `VFIO_DEVICE_RESET`. Maps to `POST /v1/devices/{id}/reset`.
    public func reset() throws(VFIOError) {
        try asking(.reset) { () throws(Errno) in
            _ = try descriptor.control(ferry_VFIO_DEVICE_RESET)
        }
    }

    /// The migration features; nil if the driver cannot migrate this device (`ENOTTY`).
    ///
    /// Corresponds to `VFIO_DEVICE_FEATURE_MIGRATION`.
    public func migrationFeatures() throws(VFIOError) -> MigrationFeatures? {
        var request = FeatureRequest.getMigration()
        do throws(Errno) {
            _ = try descriptor.control(ferry_VFIO_DEVICE_FEATURE, &request)
        } catch .inappropriateIOCTLForDevice {
            return nil
        } catch {
            throw VFIOError(.getMigration, error)
        }
        return MigrationFeatures(rawValue: request.payload.flags)
    }

    /// The state that the device is in. Corresponds to `VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE` GET.
    public func state() throws(VFIOError) -> MigrationState {
        var request = FeatureRequest.getState()
        try asking(.getState) { () throws(Errno) in
            _ = try descriptor.control(ferry_VFIO_DEVICE_FEATURE, &request)
        }
        return MigrationState(rawValue: request.payload.device_state)
    }

    /// Takes the device to a state, and answers the data fd where the last arc opens a session.
    ///
    /// Never ask for STOP_COPY -> PRE_COPY(_P2P): kernels up to at least 6.12 do not come back.
    /// After a failure only ``state()`` tells where the device stands: with `EMFILE` the state did
    /// change and there is no fd. `EBUSY`: the device declines to stop now. `EINVAL`: no such way,
    /// or, from RESUMING, an image that the driver refuses.
    ///
    /// Corresponds to `VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE` SET. Maps to
    /// `PUT /v1/devices/{id}/state`.
    public func setState(_ state: MigrationState) throws(VFIOError) -> VFIODataFile? {
        var request = FeatureRequest.setState(state)
        try asking(.setState) { () throws(Errno) in
            _ = try descriptor.control(ferry_VFIO_DEVICE_FEATURE, &request)
        }
        guard request.payload.data_fd >= 0 else { return nil }
        return VFIODataFile(owning: OwnedFileDescriptor(owning: request.payload.data_fd))
    }

    /// How many bytes STOP_COPY will deliver, by the driver's estimate.
    ///
    /// Nil where it does not say: `ENOTTY` before Linux 6.2, or a number beyond `Int64.max`, which
    /// is a driver's negative errno. Corresponds to `VFIO_DEVICE_FEATURE_MIG_DATA_SIZE`.
    public func stopCopyLength() throws(VFIOError) -> UInt64? {
        var request = FeatureRequest.getDataSize()
        do throws(Errno) {
            _ = try descriptor.control(ferry_VFIO_DEVICE_FEATURE, &request)
        } catch .inappropriateIOCTLForDevice {
            return nil
        } catch {
            throw VFIOError(.getDataSize, error)
        }
        let length = request.payload.stop_copy_length
        return length <= UInt64(Int64.max) ? length : nil
    }

    /// Asks for the second form of PRECOPY_INFO; false where there is none.
    ///
    /// `ENOTTY` (an older kernel) and `EINVAL` (no PRE_COPY) both mean that.
    /// Corresponds to `VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2` SET.
    public func optIntoPrecopyInfoV2() throws(VFIOError) -> Bool {
        var request = FeatureRequest.header(.precopyInfoV2, .set)
        do throws(Errno) {
            _ = try descriptor.control(ferry_VFIO_DEVICE_FEATURE, &request)
            return true
        } catch .inappropriateIOCTLForDevice {
            return false
        } catch .invalidArgument {
            return false
        } catch {
            throw VFIOError(.setPrecopyInfoV2, error)
        }
    }

    /// Whether the state of the device can be set. Corresponds to `VFIO_DEVICE_FEATURE` PROBE.
    public func canSetState() throws(VFIOError) -> Bool {
        var request = FeatureRequest.header(.deviceState, .probe, .set)
        do throws(Errno) {
            _ = try descriptor.control(ferry_VFIO_DEVICE_FEATURE, &request)
            return true
        } catch .inappropriateIOCTLForDevice {
            return false
        } catch .invalidArgument {
            return false
        } catch {
            throw VFIOError(.probe, error)
        }
    }
}

/// What `VFIO_DEVICE_GET_INFO` tells of a device.
public struct VFIODeviceInfo: Hashable, Sendable {
    /// The device can be reset, as far as it says. `VFIO_DEVICE_FLAGS_RESET`.
    public let advertisesReset: Bool
    /// It is a PCI function. `VFIO_DEVICE_FLAGS_PCI`.
    public let isPCI: Bool

    init(flags: UInt32) {
        advertisesReset = flags & UInt32(VFIO_DEVICE_FLAGS_RESET) != 0
        isPCI = flags & UInt32(VFIO_DEVICE_FLAGS_PCI) != 0
    }
}
