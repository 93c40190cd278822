public import Devices
internal import SystemCalls
internal import SystemPackage

/// A host's worth of simulated devices.
///
/// A device whose last close does not reset it keeps its state under its id, and is found there in
/// that state when it is opened again by the same plan.
public final class SimulatedHost: Sendable {
    private let clock: any DeviceClock
    private let kept = Locked([DeviceIdentifier: SimulatedHardware]())

    /// How many devices may keep their state; what they hold is a description of a few bytes.
    static let mostKept = 1024

    /// A host without devices.
    public init(clock: any DeviceClock = HostClock()) {
        self.clock = clock
    }

    /// Opens the device that a plan describes. `ENOSPC`: too many devices keep their state.
    public func open(
        _ plan: SimulationPlan, as id: DeviceIdentifier
    ) throws(AttachProblem) -> SimulatedDevice {
        guard !plan.lastCloseResets else {
            return SimulatedDevice(SimulatedHardware(plan, clock: clock))
        }
        let hardware = kept.withLock { kept -> SimulatedHardware? in
            if let hardware = kept[id], hardware.plan == plan { return hardware }
            guard kept.count < Self.mostKept || kept[id] != nil else { return nil }
            let hardware = SimulatedHardware(plan, clock: clock)
            kept[id] = hardware
            return hardware
        }
        guard let hardware else {
            throw .failed("\(id)", DeviceError("open of the simulated device", .noSpace))
        }
        return SimulatedDevice(hardware)
    }
}
