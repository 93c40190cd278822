internal import Devices
internal import MigrationModel

/// A device of a source's group.
struct SourceMember: Sendable {
    let source: DeviceIdentifier
    let features: MigrationFeatures
    /// It is streamed while it runs.
    let precopies: Bool
    /// The destination's device, once that is known.
    var destination: DeviceIdentifier?
    var state = MigrationState.running
    /// Where the destination's device stands, as its agent has said last.
    var destinationState: MigrationState?
    /// The session that its stream is of.
    var session: String?
    /// The destination's device is in RESUMING, and has nothing but what this session sent.
    var isEntered = false
    /// What was sent is void: the session is to be left, and the destination's device to be reset.
    var needsRestart = false
    /// Its stream broke at its own end: it is to be looked at.
    var isUnsure = false
    /// It stood in STOP_COPY, its session whole, after all images were prepared.
    var isVerified = false
    /// Its image was read to its end: the destination may have it.
    var wasComplete = false
    /// It was looked at since the migration was given up.
    var isSeen = false
    /// Its copy is gone: in ERROR, or reset by the agent's death.
    var isLost = false
    /// It does not do what a roll-back asks of it.
    var isStuck = false
    /// It was let go of.
    var isLetGo = false
    var isMarked = false
    var restarts = 0
    var image: Image?
    var sample: Sample?
    var lastAcknowledged: UInt64?
    /// Since when the destination has taken nothing of what is on its way to it.
    var stalledSince: Duration?
    var sentBytes: UInt64 = 0

    var hasP2P: Bool { features.contains(.p2p) }

    /// The state in which it stands with its DMA while the rest of the group comes to it.
    var quiesced: MigrationState {
        guard hasP2P else { return state }
        return precopies ? .preCopyP2P : .runningP2P
    }

    /// It runs its image, here.
    var runs: Bool { state == .running || state.isPreCopy && state != .preCopyP2P }

    /// The session is open, and its bytes are wanted.
    var hasStream: Bool { state.isInSavingGroup && image == nil && !needsRestart && !isLost }
}
