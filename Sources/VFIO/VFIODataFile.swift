internal import CVFIO
public import MigrationModel
internal import SystemCalls
public import SystemPackage

/// The data fd of a data transfer session.
///
/// An anonymous file: no seek, no splice, no epoll. It is closed when the last user lets go of it,
/// so that a thread that still blocks in it never meets another file under the same number.
///
/// Source: linux/vfio.h, `struct vfio_device_feature_mig_state`.
public final class VFIODataFile: Sendable {
    private let descriptor: OwnedFileDescriptor

    init(owning descriptor: consuming OwnedFileDescriptor) {
        self.descriptor = descriptor
    }

    /// The data fd, for poll(2), for as long as this object lives.
    ///
    /// Only mlx5 implements poll; every other driver's file always says that it is readable.
    public var borrowed: FileDescriptor {
        descriptor.borrowed
    }

    /// Reads a piece of the image, at most so many bytes; what an empty answer means depends on the state that the device
    /// was known to be in before the call.
    ///
    /// Blocks for seconds where the driver saves inside it. `ENODEV`: the session has ended or the
    /// device was reset. Any other errno is the driver's.
    public func read(
        into buffer: inout OutputRawSpan, upTo limit: Int, begunIn state: MigrationState
    ) throws(VFIOError) -> ReadOutcome {
        do throws(Errno) {
            let count = try descriptor.read(into: &buffer, upTo: limit)
            return ReadOutcome(count: count, begunIn: state)
        } catch .noMessage {
            return ReadOutcome(noMessageIn: state)
        } catch {
            throw VFIOError(.read, error)
        }
    }

    /// Writes a piece of an image and answers how many bytes were taken.
    ///
    /// After one failure the session is spoiled, whatever later writes answer. `ENOMEM`: beyond the
    /// end of what the device takes. `EFAULT`, `EINVAL`: not an image of this device. `ENODEV`: the
    /// session has ended or the device was reset.
    public func write(_ bytes: RawSpan) throws(VFIOError) -> Int {
        try asking(.write) { () throws(Errno) in try descriptor.write(bytes) }
    }

    /// How much is estimated to be left.
    ///
    /// mlx5 and virtio begin their next incremental save inside this call. `EINVAL`: not in a
    /// pre-copy state (or, by the first version of the protocol, in PRE_COPY_P2P). `ENOTTY`: the
    /// driver has no such call. `ENODEV`: the device was reset.
    ///
    /// Corresponds to `VFIO_MIG_GET_PRECOPY_INFO`. Maps to `GET /v1/devices/{id}/precopy-info`.
    public func precopyInfo(_ version: PrecopyInfoVersion) throws(VFIOError) -> PrecopyInfo {
        // Version 1 echoes the flags that it is given: they are 0, and not looked at.
        var info = vfio_precopy_info()
        info.argsz = UInt32(MemoryLayout<vfio_precopy_info>.size)
        try asking(.getPrecopyInfo) { () throws(Errno) in
            _ = try descriptor.control(ferry_VFIO_MIG_GET_PRECOPY_INFO, &info)
        }
        return PrecopyInfo(
            initialBytes: info.initial_bytes, dirtyBytes: info.dirty_bytes,
            reinit: version == .v2 ? info.flags & UInt32(VFIO_PRECOPY_INFO_REINIT) != 0 : nil)
    }
}
