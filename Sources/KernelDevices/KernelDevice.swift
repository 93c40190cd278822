public import Devices
public import MigrationModel
internal import SystemPackage
internal import VFIO

/// A device of the running kernel, behind its VFIO file.
public final class KernelDevice: MigratableDevice {
    /// What sysfs said of the device when it was attached.
    public let identity: DeviceIdentity
    /// What its driver said of itself when it was attached.
    public let features: MigrationFeatures
    /// Set once when it was attached: the opt-in is for as long as the file is open.
    public let precopyInfoVersion: PrecopyInfoVersion?
    private let file: VFIODevice

    /// Takes over an open device whose driver can migrate it; nil if it cannot.
    init?(_ file: VFIODevice, _ identity: DeviceIdentity) throws(VFIOError) {
        guard let features = try file.migrationFeatures(), try file.canSetState() else {
            return nil
        }
        self.file = file
        self.identity = identity
        self.features = features
        if features.contains(.preCopy) {
            precopyInfoVersion = try file.optIntoPrecopyInfoV2() ? .v2 : .v1
        } else {
            precopyInfoVersion = nil
        }
    }

    /// The agent has opened the device itself, which takes it from everybody else; and the last close of a
    /// vfio-pci function resets it. Source: drivers/vfio/pci/vfio_pci_core.c, `vfio_pci_core_disable`.
    public var losesStateOnClose: Bool { true }

    /// Asks the driver. See `VFIODevice.state()`.
    public func state() throws(DeviceError) -> MigrationState {
        try translating { () throws(VFIOError) in try file.state() }
    }

    /// Asks the driver. See `VFIODevice.setState(_:)`.
    public func setState(
        _ state: MigrationState
    ) throws(DeviceError) -> (any MigrationDataFile)? {
        let dataFile = try translating { () throws(VFIOError) in try file.setState(state) }
        return dataFile.map { KernelDataFile($0, precopyInfoVersion ?? .v1) }
    }

    /// Asks the driver. See `VFIODevice.stopCopyLength()`.
    public func stopCopyLength() throws(DeviceError) -> UInt64? {
        try translating { () throws(VFIOError) in try file.stopCopyLength() }
    }

    /// Asks the driver. See `VFIODevice.reset()`.
    public func reset() throws(DeviceError) {
        try translating { () throws(VFIOError) in try file.reset() }
    }
}

/// The data fd of a device of the running kernel.
final class KernelDataFile: MigrationDataFile {
    private let file: VFIODataFile
    private let version: PrecopyInfoVersion

    init(_ file: VFIODataFile, _ version: PrecopyInfoVersion) {
        self.file = file
        self.version = version
    }

    func read(
        into buffer: inout OutputRawSpan, upTo limit: Int, begunIn state: MigrationState
    ) throws(DeviceError) -> ReadOutcome {
        do throws(VFIOError) {
            return try file.read(into: &buffer, upTo: limit, begunIn: state)
        } catch {
            throw DeviceError(error)
        }
    }

    func write(_ bytes: RawSpan) throws(DeviceError) -> Int {
        do throws(VFIOError) {
            return try file.write(bytes)
        } catch {
            throw DeviceError(error)
        }
    }

    func precopyInfo() throws(DeviceError) -> PrecopyInfo {
        try translating { () throws(VFIOError) in try file.precopyInfo(version) }
    }
}

extension DeviceError {
    init(_ error: VFIOError) {
        self.init(error.call.rawValue, error.errno)
    }
}

private func translating<Result>(
    _ body: () throws(VFIOError) -> Result
) throws(DeviceError) -> Result {
    do throws(VFIOError) {
        return try body()
    } catch {
        throw DeviceError(error)
    }
}
