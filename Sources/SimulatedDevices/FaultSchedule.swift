internal import Devices

/// Counts what happens to a simulated device, and says what goes wrong this time.
struct FaultSchedule: Hashable, Sendable {
    private let faults: [SimulationPlan.Fault]
    /// How often each event has happened, in the order of the events.
    private(set) var counts: [UInt64]

    /// A schedule that goes on from where it was.
    init(_ faults: [SimulationPlan.Fault], counts: [UInt64]? = nil) {
        self.faults = faults
        self.counts = counts ?? SimulationPlan.Event.allCases.map { _ in 0 }
    }

    /// The event happens once more; answers what goes wrong with it, if anything.
    mutating func count(_ event: SimulationPlan.Event) -> SimulationPlan.Action? {
        guard !faults.isEmpty, let place = SimulationPlan.Event.allCases.firstIndex(of: event)
        else { return nil }
        counts[place] += 1
        return faults.first { $0.on == event && $0.nth == counts[place] }?.action
    }
}
