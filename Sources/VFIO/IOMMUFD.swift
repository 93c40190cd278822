internal import CVFIO
internal import Glibc
internal import SystemCalls
public import SystemPackage

/// An open `/dev/iommu`, which a cdev is bound to.
///
/// Bound without an address space: that is enough to move device state, and the agent maps no
/// memory. Source: linux/vfio.h, `VFIO_DEVICE_BIND_IOMMUFD`.
final class IOMMUFD: Sendable {
    fileprivate let descriptor: OwnedFileDescriptor

    init() throws(VFIOError) {
        descriptor = try asking(.openIOMMUFD) { () throws(Errno) in
            try OwnedFileDescriptor(opening: "/dev/iommu", flags: O_RDWR)
        }
    }
}

extension VFIODevice {
    /// Opens a device by its cdev, `/dev/vfio/devices/vfioN`, and binds it to an iommufd.
    ///
    /// `ELOOP`: the path is a symbolic link. `ENOTSUP`: it is not a character device. `EBUSY`:
    /// somebody else has bound the device or has its group open. `ENOENT`: no such device, or a
    /// kernel without `CONFIG_IOMMUFD`.
    ///
    /// Corresponds to `VFIO_DEVICE_BIND_IOMMUFD`.
    public convenience init(openingCdev path: FilePath) throws(VFIOError) {
        let device = try asking(.openDevice) { () throws(Errno) in
            let device = try OwnedFileDescriptor(opening: path, flags: O_RDWR | O_NOFOLLOW)
            guard try Stat(device.borrowed).type == .characterSpecial else {
                throw Errno.notSupported
            }
            return device
        }
        let iommufd = try IOMMUFD()
        var request = vfio_device_bind_iommufd()
        request.argsz = UInt32(MemoryLayout<vfio_device_bind_iommufd>.size)
        request.iommufd = iommufd.descriptor.borrowed.rawValue
        do throws(Errno) {
            _ = try device.control(ferry_VFIO_DEVICE_BIND_IOMMUFD, &request)
        } catch {
            throw VFIOError(.bindIOMMUFD, error)
        }
        self.init(owning: device, in: .iommufd(iommufd))
    }
}
