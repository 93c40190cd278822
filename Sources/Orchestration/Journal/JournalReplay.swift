internal import Devices
internal import JSON
internal import SystemCalls

/// What a journal's records say together.
struct JournalReplay: Sendable {
    var opened: JSONObject = [:]
    var openedAt: Timestamp?
    var endedAt: Timestamp?
    /// The destination's devices, in the order of the source's.
    var destinations: [DeviceIdentifier] = []
    var downtime: JSONObject = [:]
    var decision: Record.Kind?
    /// How often an agent has taken it up, this time included.
    var starts: UInt64 = 1
    var wasStopping = false
    var wasPreparing = false
    var isAcknowledged = false
    /// Why it was given up, and what the end is called.
    var cause: JSONValue?
    var end: Phase?
    var images: Images = [:]
    var finalState: MigrationPlan.FinalState?
    var kept: [DeviceIdentifier] = []
    /// How the source's devices have ended.
    var ends: [JSONValue] = []

    /// Above every one that was shown before.
    var generation: UInt64 { starts * 1_000_000 }

    /// Something is left to be done.
    var isOpen: Bool {
        switch decision {
        case .completed?, .void?: false
        case .aborted?, .discarded?: !isAcknowledged
        default: true
        }
    }

    init(_ records: [Record]) {
        for record in records {
            if record.kind.isDecision {
                decision = record.kind
                endedAt = record.at
            }
            switch record.kind {
            case .opened:
                opened = record.details
                openedAt = record.details["created_at"]?.text.flatMap { Timestamp($0) }
            case .assigned:
                destinations = (record.details["destinations"]?.values ?? []).compactMap { value in
                    value.text.flatMap { DeviceIdentifier($0) }
                }
            case .resumed: starts += 1
            case .stopping: wasStopping = true
            case .preparing: wasPreparing = true
            case .acknowledged: isAcknowledged = true
            case .aborting:
                cause = record.details["cause"]
                end = record.details["end"]?.text.flatMap { Phase(rawValue: $0) }
            case .prepared: images = Images(record.details["images"])
            case .running:
                finalState = record.details["final_state"]?.text.flatMap {
                    MigrationPlan.FinalState(rawValue: $0)
                }
            case .aborted:
                ends = record.details["devices"]?.values ?? []
                downtime = record.details
            case .completed:
                ends = record.details["devices"]?.values ?? []
                downtime = record.details
                kept = (record.details["kept"]?.values ?? []).compactMap { value in
                    value.text.flatMap { DeviceIdentifier($0) }
                }
            default: break
            }
        }
    }
}
