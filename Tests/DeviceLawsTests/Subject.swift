import Devices
import Glibc
import KernelDevices
import MigrationModel
import SimulatedDevices
import SystemPackage
import TestSupport
import Testing

/// The laws that every backend keeps, one after the other: the kernel lab has two devices, and a
/// device can be open once.
@Suite("Laws", .serialized)
enum Laws {}

/// Something that has to keep the laws: a way to get fresh devices of one kind.
struct Subject: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let features: MigrationFeatures
    private let openDevice: @Sendable (Int) throws -> any MigratableDevice

    /// The device with this number, 0 or 1, as it is after a reset.
    func device(_ number: Int = 0) throws -> any MigratableDevice {
        let device = try openDevice(number)
        try device.reset()
        return device
    }

    /// What is tested in this process: the devices that the kernel lab names in the environment, or
    /// else simulated ones.
    static let all: [Subject] = labSubjects.isEmpty ? simulatedSubjects : labSubjects

    /// The kernel lab has named devices.
    static let isInLab = !labSubjects.isEmpty

    private static let labSubjects: [Subject] = {
        let cdevs = environment("FERRY_LAB_CDEVS")
        let groups = environment("FERRY_LAB_GROUPS")
        let names = environment("FERRY_LAB_MDEVS")
        guard names.count >= 2, groups.count == names.count else { return [] }
        let host = KernelHost()
        return [
            Subject(testDescription: "kernel devices", features: .known) { number in
                if cdevs.count == names.count {
                    try host.openCdev(FilePath(cdevs[number]))
                } else {
                    try host.openGroup(Int(groups[number]) ?? -1, device: names[number])
                }
            }
        ]
    }()

    /// The words of a variable that the kernel lab sets.
    private static func environment(_ name: String) -> [String] {
        guard let text = getenv(name) else { return [] }
        return String(cString: text).split(separator: " ").map(String.init)
    }

    private static let simulatedSubjects: [Subject] = MigrationFeatures.legalSets.flatMap {
        features in
        SimulationPlan.TemporaryEnd.allCases.map { temporaryEnd in
            Subject(
                testDescription: "simulated \(features.names) \(temporaryEnd.rawValue)",
                features: features
            ) { number in
                var plan = SimulationPlan()
                plan.features = features
                plan.temporaryEnd = temporaryEnd
                plan.initialBytes = 10_000
                plan.stopCopyBytes = 5_000
                plan.seed = UInt64(number + 1)
                return try SimulatedHost().open(plan, as: .named("sim\(number)"))
            }
        }
    }

    /// The states that the device has.
    var states: [MigrationState] {
        MigrationState.known.filter { $0.isSupported(by: features) }
    }
}
