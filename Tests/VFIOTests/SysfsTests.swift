import Glibc
import SystemPackage
import Testing
import VFIO

/// A sysfs of files and links, made for one test.
private struct FakeSysfs: ~Copyable {
    let root: FilePath

    init() throws {
        var template = Array("/tmp/ferry-sysfs-XXXXXX\0".utf8CString)
        try #require(mkdtemp(&template) != nil)
        root = FilePath(
            String(decoding: template.dropLast(2).map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    deinit {
        remove(root)
    }

    private func remove(_ path: FilePath) {
        if let directory = opendir(path.string) {
            var entries: [String] = []
            while let entry = readdir(directory) {
                entries.append(
                    withUnsafePointer(to: &entry.pointee.d_name) {
                        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                    })
            }
            closedir(directory)
            for name in entries where name != "." && name != ".." {
                let child = path.appending(name)
                if unlink(child.string) != 0 { remove(child) }
            }
        }
        rmdir(path.string)
    }

    func directory(_ path: String) {
        var current = root
        for part in path.split(separator: "/") {
            current.append(String(part))
            mkdir(current.string, 0o755)
        }
    }

    func file(_ path: String, _ text: String) {
        directory(path.split(separator: "/").dropLast().joined(separator: "/"))
        let descriptor = creat(root.appending(path).string, 0o644)
        _ = Array(text.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }

    func link(_ path: String, to target: String) {
        directory(path.split(separator: "/").dropLast().joined(separator: "/"))
        symlink(root.appending(target).string, root.appending(path).string)
    }

    /// A PCI function bound to a driver.
    func addFunction(_ address: String, driver: String?, group: Int, cdev: String?) {
        let device = "devices/pci0000:3a/\(address)"
        file("\(device)/vendor", "0x15b3\n")
        file("\(device)/device", "0x101e\n")
        directory("bus/pci/devices")
        directory("kernel/iommu_groups/\(group)")
        link("\(device)/subsystem", to: "bus/pci")
        link("\(device)/iommu_group", to: "kernel/iommu_groups/\(group)")
        if let driver {
            directory("bus/pci/drivers/\(driver)")
            link("\(device)/driver", to: "bus/pci/drivers/\(driver)")
        }
        if let cdev {
            file("\(device)/vfio-dev/\(cdev)/dev", "511:0\n")
            link("\(device)/vfio-dev/\(cdev)/device", to: device)
            link("dev/char/511:0", to: "\(device)/vfio-dev/\(cdev)")
        }
        link("bus/pci/devices/\(address)", to: device)
    }

    func addMdev(_ uuid: String) {
        let device = "devices/virtual/mtty/mtty/\(uuid)"
        directory(device)
        directory("bus/mdev/drivers/mtty")
        directory("devices/virtual/mtty/mtty/mdev_supported_types/mtty-2")
        link("\(device)/subsystem", to: "bus/mdev")
        link("\(device)/driver", to: "bus/mdev/drivers/mtty")
        link("\(device)/mdev_type", to: "devices/virtual/mtty/mtty/mdev_supported_types/mtty-2")
        directory("\(device)/vfio-dev/vfio1")
        link("bus/mdev/devices/\(uuid)", to: device)
    }
}

@Suite("Sysfs")
struct SysfsTests {
    private let uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

    @Test("tells what a PCI function is")
    func function() throws {
        let files = try FakeSysfs()
        files.addFunction("0000:3b:00.2", driver: "mlx5_vfio_pci", group: 12, cdev: "vfio0")
        let sysfs = Sysfs(root: files.root)
        let device = try #require(sysfs.device(named: "0000:3b:00.2"))
        #expect(device.bus == "pci")
        #expect(device.driver == "mlx5_vfio_pci")
        #expect(device.vendorID == "0x15b3")
        #expect(device.deviceID == "0x101e")
        #expect(device.iommuGroup == 12)
        #expect(device.cdev == "/dev/vfio/devices/vfio0")
        #expect(sysfs.device(ofCharacterDevice: "511:0") == device)
        #expect(sysfs.device(ofCharacterDevice: "1:3") == nil)
    }

    @Test("tells what an mdev is; without cdevs in the kernel it has none")
    func mdev() throws {
        let files = try FakeSysfs()
        files.addMdev(uuid)
        let device = try #require(Sysfs(root: files.root).device(named: uuid))
        #expect(device.bus == "mdev")
        #expect(device.driver == "mtty")
        #expect(device.mdevType == "mtty-2")
        #expect(device.mdevParent == "mtty")
        #expect(device.vendorID == nil)
        #expect(device.cdev == nil)
    }

    @Test("lists what VFIO could hand out, and nothing else")
    func list() throws {
        let files = try FakeSysfs()
        files.addFunction("0000:3b:00.2", driver: "mlx5_vfio_pci", group: 12, cdev: nil)
        files.addFunction("0000:3b:00.3", driver: "vfio-pci", group: 13, cdev: nil)
        files.addFunction("0000:3b:00.4", driver: "mlx5_core", group: 14, cdev: nil)
        files.addFunction("0000:3b:00.5", driver: nil, group: 15, cdev: nil)
        files.addMdev(uuid)
        let devices = Sysfs(root: files.root).vfioDevices()
        #expect(devices.map(\.name) == ["0000:3b:00.2", "0000:3b:00.3", uuid])
    }

    @Test("of a host without VFIO is empty")
    func empty() throws {
        let files = try FakeSysfs()
        #expect(Sysfs(root: files.root).vfioDevices().isEmpty)
        #expect(Sysfs(root: files.root).device(named: "0000:3b:00.2") == nil)
    }
}
