internal import CVFIO
internal import Glibc
internal import SystemCalls
internal import SystemPackage

/// An IOMMU group in a container of its own, opened the way that every kernel with VFIO knows.
///
/// The kernel lets one process open a group once: devices of one group share this object.
///
/// Source: linux/vfio.h, "IOCTLs for GROUP file descriptors".
public final class LegacyGroup: Sendable {
    private let container: OwnedFileDescriptor
    private let group: OwnedFileDescriptor

    /// Opens `/dev/vfio/NUMBER` and puts it into a new type1 container.
    ///
    /// `ENOENT`: no such group, or no VFIO here. `EBUSY`: another process has it open. `EPERM`: a
    /// device of the group is bound to a driver that is not VFIO's. `ENOTSUP`: the kernel has no
    /// type1 IOMMU.
    public init(number: Int) throws(VFIOError) {
        container = try asking(.openContainer) { () throws(Errno) in
            try OwnedFileDescriptor(opening: "/dev/vfio/vfio", flags: O_RDWR)
        }
        let container = container.borrowed
        group = try asking(.openGroup) { () throws(Errno) in
            try OwnedFileDescriptor(opening: FilePath("/dev/vfio/\(number)"), flags: O_RDWR)
        }
        try requireType1()
        try requireViability()
        var number = container.rawValue
        try asking(.setContainer) { () throws(Errno) in
            _ = try group.control(ferry_VFIO_GROUP_SET_CONTAINER, &number)
        }
        try asking(.setIOMMU) { () throws(Errno) in
            _ = try self.container.control(
                ferry_VFIO_SET_IOMMU, value: CInt(VFIO_TYPE1v2_IOMMU))
        }
    }

    private func requireType1() throws(VFIOError) {
        try asking(.checkExtension) { () throws(Errno) in
            let version = try container.control(ferry_VFIO_GET_API_VERSION)
            let type1 = try container.control(
                ferry_VFIO_CHECK_EXTENSION, value: CInt(VFIO_TYPE1v2_IOMMU))
            if version != VFIO_API_VERSION || type1 == 0 { throw Errno.notSupported }
        }
    }

    private func requireViability() throws(VFIOError) {
        var status = vfio_group_status()
        status.argsz = UInt32(MemoryLayout<vfio_group_status>.size)
        try asking(.groupStatus) { () throws(Errno) in
            _ = try group.control(ferry_VFIO_GROUP_GET_STATUS, &status)
            if status.flags & UInt32(VFIO_GROUP_FLAGS_VIABLE) == 0 {
                throw Errno.notPermitted
            }
        }
    }

    /// Opens a device of the group by its name in sysfs: a PCI address or an mdev UUID.
    ///
    /// `ENODEV`: the group has no such device. Corresponds to `VFIO_GROUP_GET_DEVICE_FD`.
    fileprivate func openDevice(named name: String) throws(VFIOError) -> OwnedFileDescriptor {
        try asking(.getDeviceFD) { () throws(Errno) in
            OwnedFileDescriptor(
                owning: try group.control(ferry_VFIO_GROUP_GET_DEVICE_FD, text: name))
        }
    }
}

extension VFIODevice {
    /// Opens a device of a legacy group by its name in sysfs: a PCI address or an mdev UUID.
    ///
    /// `ENODEV`: the group has no such device. Corresponds to `VFIO_GROUP_GET_DEVICE_FD`.
    public convenience init(named name: String, in group: LegacyGroup) throws(VFIOError) {
        self.init(owning: try group.openDevice(named: name), in: .group(group))
    }
}
