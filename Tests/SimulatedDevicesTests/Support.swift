import Devices
import MigrationModel
import TestSupport

@testable import SimulatedDevices

/// A simulated device in a test.
struct Rig {
    let clock = ManualClock()
    let host: SimulatedHost
    let plan: SimulationPlan

    init(_ change: (inout SimulationPlan) -> Void = { _ in }) {
        host = SimulatedHost(clock: clock)
        var plan = SimulationPlan()
        plan.initialBytes = 100_000
        plan.stopCopyBytes = 10_000
        change(&plan)
        self.plan = plan
    }

    func open(_ id: String = "sim0") throws -> SimulatedDevice {
        try host.open(plan, as: .named(id))
    }
}

extension MigratableDevice {
    @discardableResult
    func take(to state: MigrationState) throws -> (any MigrationDataFile)? {
        try setState(state)
    }
}
