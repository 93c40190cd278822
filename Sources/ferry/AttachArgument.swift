import AgentAPI
import Devices
import SystemPackage

/// What `--attach` takes: a device, and the id that it is to have.
struct AttachArgument {
    /// Nil for the name that the host has for it, or the next free one.
    var id: DeviceIdentifier?
    var source: DeviceSource

    init(_ source: DeviceSource) {
        self.source = source
    }

    /// Reads `cdev:/dev/vfio/devices/vfio0`, `group:12,0000:3b:00.2` or
    /// `simulated:sim0,{"seed": 7}`.
    init(_ text: String, cdevs: FilePath) throws(AttachSyntaxError) {
        let source: DeviceSource?
        switch text.split(separator: ":", maxSplits: 1).first {
        case "cdev": source = DeviceSource(cdev: String(text.dropFirst(5)), in: cdevs)
        case "group": source = DeviceSource(group: text.dropFirst(6))
        case "simulated":
            self = try Self(simulated: text)
            return
        default: source = nil
        }
        guard let source else {
            throw AttachSyntaxError(
                reason: """
                    '\(text)' is no source: --attach takes cdev:\(cdevs)/vfio0, \
                    group:12,0000:3b:00.2 or simulated:sim0,{"seed": 7}.
                    """)
        }
        self.source = source
    }

    private init(simulated text: String) throws(AttachSyntaxError) {
        let parts = text.dropFirst(10).split(
            separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
        guard let id = parts.first.flatMap({ DeviceIdentifier(String($0)) }) else {
            throw AttachSyntaxError(
                reason: """
                    '\(text)' is no source: a simulated device has an id, as in \
                    simulated:sim0,{"seed": 7}.
                    """)
        }
        self.id = id
        do throws(PlanSyntaxError) {
            let plan = parts.count == 2 ? String(parts[1]) : "{}"
            source = .simulated(try SimulationPlan(parsing: plan))
        } catch {
            throw AttachSyntaxError(
                reason: """
                    '\(text)' is no source: what follows the id says how the device behaves, as for \
                    POST /v1/devices. \(error.reason)
                    """)
        }
    }
}

/// Why a text names no device.
struct AttachSyntaxError: Error {
    let reason: String
}

extension DeviceSource {
    /// Reads `12,0000:3b:00.2`.
    fileprivate init?(group text: Substring) {
        let parts = text.split(separator: ",", maxSplits: 1)
        guard parts.count == 2, let number = Int(parts[0]), number >= 0,
            let device = DeviceIdentifier(String(parts[1]))
        else { return nil }
        self = .group(number: number, device: "\(device)")
    }

    var isSimulated: Bool {
        if case .simulated = self { true } else { false }
    }
}
