public import Devices
internal import SystemCalls
public import SystemPackage

/// A host's worth of simulated devices.
///
/// A device whose last close does not reset it keeps its state under its id, and is found there in
/// that state when it is opened again by the same plan. With a directory it outlives the process too,
/// like a device that somebody else keeps open: then it is found in the state that it was left in, the
/// session gone, and a running one has gone on meanwhile.
public final class SimulatedHost: Sendable {
    private let clock: any DeviceClock
    private let folder: DeviceFolder?
    private let kept = Locked([DeviceIdentifier: SimulatedHardware]())

    /// How many devices may keep their state; what they hold is a description of a few bytes.
    static let mostKept = 1024

    /// A host whose devices last as long as it does.
    public init(clock: any DeviceClock = HostClock()) {
        self.clock = clock
        folder = nil
    }

    /// A host whose devices are kept in a directory, which is made if it is not there.
    ///
    /// `EWOULDBLOCK`: another process keeps its devices there.
    public init(keptIn directory: FilePath, clock: any DeviceClock = HostClock()) throws(Errno) {
        self.clock = clock
        folder = try DeviceFolder(directory)
    }

    /// Opens the device that a plan describes. `ENOSPC`: too many devices keep their state.
    public func open(
        _ plan: SimulationPlan, as id: DeviceIdentifier
    ) throws(AttachProblem) -> SimulatedDevice {
        guard !plan.lastCloseResets else {
            return SimulatedDevice(SimulatedHardware(plan, clock: clock))
        }
        do throws(Errno) {
            let hardware = try kept.withLock { kept throws(Errno) in
                if let hardware = kept[id], hardware.plan == plan { return hardware }
                guard kept.count < Self.mostKept || kept[id] != nil else { throw .noSpace }
                let hardware = try makeHardware(id, plan)
                kept[id] = hardware
                return hardware
            }
            return SimulatedDevice(hardware)
        } catch {
            throw .failed("\(id)", DeviceError("open of the simulated device", error))
        }
    }

    private func makeHardware(
        _ id: DeviceIdentifier, _ plan: SimulationPlan
    ) throws(Errno) -> SimulatedHardware {
        guard let folder else { return SimulatedHardware(plan, clock: clock) }
        let (file, record) = try folder.file(of: id, plan)
        return try SimulatedHardware(plan, clock: clock, in: file, record)
    }
}
