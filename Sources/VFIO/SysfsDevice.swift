internal import SystemCalls
public import SystemPackage

/// A device as sysfs describes it, read without opening the device.
public struct SysfsDevice: Hashable, Sendable {
    /// Its directory, free of symbolic links: `/sys/devices/pci0000:3a/0000:3b:00.2`.
    public let directory: FilePath
    /// Its name on its bus: a PCI address or an mdev UUID.
    public let name: String
    /// The bus: `pci`, `mdev`.
    public let bus: String
    /// The driver bound to it, as `mlx5_vfio_pci`, if any.
    public let driver: String?
    /// The PCI vendor id, `0x15b3`.
    public let vendorID: String?
    /// The PCI device id, `0x101e`.
    public let deviceID: String?
    /// The mdev type, `mtty-2`.
    public let mdevType: String?
    /// The device that an mdev is a part of, by its name on its bus.
    public let mdevParent: String?
    /// The IOMMU group.
    public let iommuGroup: Int?
    /// The path of its cdev, if this kernel makes cdevs: `/dev/vfio/devices/vfio0`.
    public let cdev: FilePath?
}

/// The part of sysfs that tells of VFIO devices.
///
/// Source: Documentation/ABI/testing/sysfs-devices-vfio-dev, Documentation/driver-api/vfio-mediated-device.rst.
public struct Sysfs: Sendable {
    private let root: FilePath

    /// The sysfs mounted at a path; another than `/sys` serves tests.
    public init(root: FilePath = "/sys") {
        self.root = root
    }

    /// The device behind a character device's number, `511:0`; nil if sysfs knows none.
    public func device(ofCharacterDevice numbers: String) -> SysfsDevice? {
        device(at: root.appending("dev/char").appending(numbers).appending("device"))
    }

    /// The device with a name on the PCI or mdev bus; nil if there is none.
    public func device(named name: String) -> SysfsDevice? {
        Self.buses.lazy
            .compactMap { device(at: root.appending("bus/\($0)/devices").appending(name)) }
            .first
    }

    /// The devices of this host that VFIO could hand out: every mdev, and every PCI function whose
    /// driver is one of VFIO's.
    public func vfioDevices() -> [SysfsDevice] {
        Self.buses.flatMap { bus in
            Files.names(in: root.appending("bus/\(bus)/devices"))
                .compactMap { device(at: root.appending("bus/\(bus)/devices").appending($0)) }
                .filter { $0.bus == "mdev" || $0.driver?.contains("vfio") == true }
        }
    }

    private static let buses = ["pci", "mdev"]

    private func device(at path: FilePath) -> SysfsDevice? {
        guard let directory = Files.resolved(path),
            let name = directory.lastComponent?.string,
            let bus = target(of: directory.appending("subsystem"))
        else { return nil }
        let isMdev = bus == "mdev"
        return SysfsDevice(
            directory: directory, name: name, bus: bus,
            driver: target(of: directory.appending("driver")),
            vendorID: isMdev ? nil : Files.text(of: directory.appending("vendor")),
            deviceID: isMdev ? nil : Files.text(of: directory.appending("device")),
            mdevType: isMdev ? target(of: directory.appending("mdev_type")) : nil,
            mdevParent: isMdev ? directory.removingLastComponent().lastComponent?.string : nil,
            iommuGroup: target(of: directory.appending("iommu_group")).flatMap { Int($0) },
            cdev: cdev(of: directory))
    }

    // The vfio-dev directory is there since Linux 6.1; only with cdevs does it have a device number.
    private func cdev(of directory: FilePath) -> FilePath? {
        let parent = directory.appending("vfio-dev")
        return Files.names(in: parent)
            .first { Files.text(of: parent.appending($0).appending("dev")) != nil }
            .map { FilePath("/dev/vfio/devices").appending($0) }
    }

    private func target(of link: FilePath) -> String? {
        Files.resolved(link)?.lastComponent?.string
    }
}
