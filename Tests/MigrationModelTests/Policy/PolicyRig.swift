@testable import MigrationModel

/// A policy for some devices, and looks at them every 100 ms.
struct PolicyRig {
    var policy: ConvergencePolicy
    private(set) var now = Duration.zero

    init(
        _ names: String..., limit: Duration = .milliseconds(300),
        features: MigrationFeatures = .known, arcs: Duration = .zero
    ) {
        policy = ConvergencePolicy(
            downtimeLimit: limit,
            devices: names.map { ConvergencePolicy.Device(name: $0, features: features) })
        for arc in ArcTimes.ofSwitchover(features) { policy.ranArc(arc, arcs) }
    }

    /// The next 100 ms: one look at every device.
    mutating func look(_ looks: PrecopyObservation...) {
        for (place, look) in looks.enumerated() {
            var look = look
            look.at = now
            policy.observe(device: place, look)
        }
        now += .milliseconds(100)
    }

    /// The same look, so many times.
    mutating func look(_ look: PrecopyObservation, times: Int) {
        for _ in 0..<times { self.look(look) }
    }

    /// What the policy says at the last look.
    var assessment: Assessment {
        policy.assess(at: now - .milliseconds(100))
    }

    /// 80 MB of initial data go over a link of 100 MB/s, and arrive; 1 MB is left for the stop.
    mutating func copyInitialData() {
        for step in 0...8 {
            look(.looked(sent: UInt64(step) * 10 * MB, initial: UInt64(8 - step) * 10 * MB))
        }
    }
}

let MB: UInt64 = 1_000_000

extension PrecopyObservation {
    /// A look at a device of which everything is known.
    static func looked(
        sent: UInt64, read: UInt64? = nil, taken: UInt64? = nil, initial: UInt64 = 0,
        dirty: UInt64 = 0, reinit: Bool? = false, length: UInt64? = nil, isDrained: Bool? = nil
    ) -> PrecopyObservation {
        PrecopyObservation(
            at: .zero, readBytes: read, sentBytes: sent, acknowledgedBytes: taken ?? sent,
            info: PrecopyInfo(initialBytes: initial, dirtyBytes: dirty, reinit: reinit),
            stopCopyLength: length ?? initial + dirty + MB,
            isDrained: isDrained ?? (initial + dirty == 0 && (read ?? sent) == sent))
    }

    /// A look at a device without PRECOPY_INFO.
    static func mute(sent: UInt64, length: UInt64? = MB, isDrained: Bool) -> PrecopyObservation {
        PrecopyObservation(
            at: .zero, sentBytes: sent, acknowledgedBytes: sent, stopCopyLength: length,
            isDrained: isDrained)
    }
}
