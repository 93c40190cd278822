internal import Devices

/// Counts what happens to a simulated device, and says what goes wrong this time.
struct FaultSchedule: Sendable {
    private let faults: [SimulationPlan.Fault]
    private var counts: [SimulationPlan.Event: UInt64] = [:]

    init(_ faults: [SimulationPlan.Fault]) {
        self.faults = faults
    }

    /// The event happens once more; answers what goes wrong with it, if anything.
    mutating func count(_ event: SimulationPlan.Event) -> SimulationPlan.Action? {
        if faults.isEmpty { return nil }
        let count = (counts[event] ?? 0) + 1
        counts[event] = count
        return faults.first { $0.on == event && $0.nth == count }?.action
    }
}
