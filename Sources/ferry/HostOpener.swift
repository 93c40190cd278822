import Devices
import KernelDevices
import SimulatedDevices

/// Opens devices of both backends: the one place where they meet.
struct HostOpener: DeviceOpener {
    private let kernel = KernelHost()
    private let simulated: SimulatedHost?

    /// - Parameter simulated: nil for an agent without simulated devices.
    init(_ simulated: SimulatedHost?) {
        self.simulated = simulated
    }

    /// Simulated devices can be attached.
    var simulates: Bool { simulated != nil }

    func hostName(of source: DeviceSource) -> String? {
        kernel.hostName(of: source)
    }

    func hostDevices() -> [HostDevice] {
        kernel.hostDevices()
    }

    func open(
        _ source: DeviceSource, as id: DeviceIdentifier
    ) throws(AttachProblem) -> any MigratableDevice {
        switch source {
        case .cdev(let path): return try kernel.openCdev(path)
        case .group(let number, let device): return try kernel.openGroup(number, device: device)
        case .simulated(let plan):
            guard let simulated else { throw .simulationDisabled }
            return try simulated.open(plan, as: id)
        }
    }
}
