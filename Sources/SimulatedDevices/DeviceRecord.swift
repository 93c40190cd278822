internal import Devices
internal import MigrationModel
internal import SystemPackage

/// What of a simulated device outlives the agent: all but the session that was open.
///
/// As bytes it is ``length`` long: numbers as in an image's headers, the last of them the check.
struct DeviceRecord: Hashable, Sendable {
    var state: MigrationState
    var content: DeviceContent
    /// What was dirtied and is not a whole block yet; see ``Registers``.
    var dirtied: UInt64
    /// Up to when time has passed for the device: running, it is dirtied from then on.
    var moment: Duration
    /// How often the events have happened that faults are counted by.
    var faultCounts: [UInt64]

    static let length = wordCount * 8
    private static let wordCount = 16
    private static let magic: UInt64 = 0x4443_4552_5952_5246

    init(
        state: MigrationState, content: DeviceContent, dirtied: UInt64, moment: Duration,
        faultCounts: [UInt64]
    ) {
        self.state = state
        self.content = content
        self.dirtied = dirtied
        self.moment = moment
        self.faultCounts = faultCounts
    }

    /// Reads a record of one kind of device; nil if it is none, or of another kind.
    init?(_ bytes: [UInt8], kind: UInt64) {
        guard bytes.count == Self.length,
            let numbers = ImageFormat.numbers(bytes, magic: Self.magic), numbers[6] == kind,
            let content = DeviceContent(imageHeader: numbers)
        else { return nil }
        state = MigrationState(rawValue: UInt32(truncatingIfNeeded: numbers[7]))
        self.content = content
        dirtied = numbers[8]
        moment = .nanoseconds(Int64(truncatingIfNeeded: numbers[9]))
        faultCounts = Array(numbers[10..<10 + SimulationPlan.Event.allCases.count])
    }

    func bytes(kind: UInt64) -> [UInt8] {
        let numbers = [
            Self.magic, content.seed, content.initialBytes, content.stopCopyBytes, content.writes,
            content.damage, kind, UInt64(state.rawValue), dirtied,
            UInt64(moment / .nanoseconds(1)),
        ]
        return ImageFormat.header(numbers + faultCounts, count: Self.wordCount)
    }
}

extension SimulationPlan {
    /// A number that plans share only if they are the same, on every run.
    var fingerprint: UInt64 {
        let support = PrecopyInfoSupport.allCases.firstIndex(of: precopyInfo) ?? 0
        let plan = BlockGenerator.mixed(
            features.rawValue, initialBytes, stopCopyBytes, dirtyBytesPerSecond, seed,
            temporaryEnd == .zero ? 1 : 0, arcLatencyMicroseconds, UInt64(support),
            lastCloseResets ? 1 : 0)
        return faults.reduce(plan) { BlockGenerator.mixed($0, $1.fingerprint) }
    }
}

extension SimulationPlan.Fault {
    fileprivate var fingerprint: UInt64 {
        let event = SimulationPlan.Event.allCases.firstIndex(of: on) ?? 0
        let (kind, number): (UInt64, UInt64) =
            switch action {
            case .errno(let errno): (0, UInt64(errno.rawValue))
            case .errorState: (1, 0)
            case .emfileAfter: (2, 0)
            case .stall(let milliseconds): (3, milliseconds)
            }
        return BlockGenerator.mixed(UInt64(event), nth, kind, number)
    }
}
