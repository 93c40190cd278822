public import Devices
internal import SystemCalls
public import SystemPackage
internal import VFIO

/// The VFIO devices of the running kernel.
public final class KernelHost: Sendable {
    private let sysfs: Sysfs
    private let groups = Locked<[Int: GroupPlace]>([:])

    // The kernel lets a process open a group once: the devices of a group share it.
    private enum GroupPlace: Sendable {
        case opening
        case open(WeakGroup)
    }

    private struct WeakGroup: Sendable {
        weak let group: LegacyGroup?
    }

    /// The host of this process.
    public init() {
        sysfs = Sysfs()
    }

    /// The PCI address or mdev UUID of the device that a source names; nil if sysfs knows none.
    public func hostName(of source: DeviceSource) -> String? {
        switch source {
        case .cdev(let path): cdevDevice(path)?.name
        case .group(_, let device): device
        case .simulated: nil
        }
    }

    /// Opens a device by its cdev and binds it to an iommufd.
    public func openCdev(_ path: FilePath) throws(AttachProblem) -> KernelDevice {
        let name = "\(path)"
        return try open(name, cdevDevice(path)) { () throws(VFIOError) in
            try VFIODevice(openingCdev: path)
        }
    }

    /// Opens a device of a legacy group by its PCI address or mdev UUID.
    public func openGroup(
        _ number: Int, device: String
    ) throws(AttachProblem) -> KernelDevice {
        let name = "\(device) of group \(number)"
        return try open(name, sysfs.device(named: device)) { () throws(VFIOError) in
            try VFIODevice(named: device, in: try group(number))
        }
    }

    /// The devices of this host that could be attached.
    public func hostDevices() -> [HostDevice] {
        sysfs.vfioDevices().map(HostDevice.init)
    }

    private func open(
        _ name: String, _ description: SysfsDevice?,
        _ open: () throws(VFIOError) -> VFIODevice
    ) throws(AttachProblem) -> KernelDevice {
        let device: KernelDevice?
        do throws(VFIOError) {
            let identity = description.map(DeviceIdentity.init) ?? DeviceIdentity(driver: "unknown")
            device = try KernelDevice(try open(), identity)
        } catch  where error.meansInUse {
            throw .inUse(name, DeviceError(error))
        } catch {
            throw .failed(name, DeviceError(error))
        }
        guard let device else { throw .noMigrationSupport(name) }
        return device
    }

    private func group(_ number: Int) throws(VFIOError) -> LegacyGroup {
        if let group = reserveGroup(number) { return group }
        do throws(VFIOError) {
            let group = try LegacyGroup(number: number)
            groups.change { $0[number] = .open(WeakGroup(group: group)) }
            return group
        } catch {
            groups.change { $0[number] = nil }
            throw error
        }
    }

    /// The group if it is open; nil makes the caller the one who opens it, and others wait for that.
    private func reserveGroup(_ number: Int) -> LegacyGroup? {
        while true {
            let found = groups.wait(until: .now + .seconds(60)) { groups -> LegacyGroup?? in
                switch groups[number] {
                case .opening: return nil
                case .open(let place):
                    if let group = place.group { return .some(group) }
                    groups[number] = .opening
                    return .some(nil)
                case nil:
                    groups[number] = .opening
                    return .some(nil)
                }
            }
            if let found { return found }
        }
    }

    private func cdevDevice(_ path: FilePath) -> SysfsDevice? {
        guard let status = try? Stat(path, followTargetSymlink: false) else { return nil }
        return sysfs.device(ofCharacterDevice: status.specialDeviceID.numbers)
    }
}

extension VFIOError {
    /// Somebody else has the device open: `EBUSY`, or `EINVAL` where a cdev that was just opened is
    /// bound, because a device that is open by its cdev can be bound once.
    ///
    /// Source: drivers/vfio/vfio_main.c, `vfio_df_open`.
    fileprivate var meansInUse: Bool {
        errno == .resourceBusy || call == .bindIOMMUFD && errno == .invalidArgument
    }
}

extension DeviceIdentity {
    init(_ device: SysfsDevice) {
        self.init(driver: device.driver ?? "unknown")
        bus = device.bus
        name = device.name
        vendorID = device.vendorID
        deviceID = device.deviceID
        mdevType = device.mdevType
        mdevParent = device.mdevParent
        iommuGroup = device.iommuGroup
    }
}

extension HostDevice {
    init(_ device: SysfsDevice) {
        self.init(identity: DeviceIdentity(device), cdev: device.cdev)
    }
}
