internal import Devices
internal import JSON
internal import MigrationModel
internal import SystemPackage

/// One thing that a machine wants done. The same step is never under way twice.
enum Step: Hashable, Sendable {
    /// Ask the driver where a device stands.
    case look(Int)
    /// Take a device to a state.
    case enter(Int, MigrationState)
    /// Have a destination's device take its image: to STOP, if the image is the one described.
    case commit(Int, Image)
    /// Reset a device.
    case reset(Int)
    /// Note that a device's image is another one's.
    case handOver(Int)
    /// Let go of a device for good.
    case detach(Int)
    /// Have the devices moved by this agent alone, or by whoever acts for the migration too.
    case seal(Bool)
    /// Give the devices back to everybody.
    case release
    /// Send a device's image to the other agent, from where that stands, until the image ends.
    case stream(Int)
    /// End that.
    case cut(Int)
    /// Ask a device how much is left, and the other agent how much it has.
    case sample(Int)
    /// Ask the other agent for something.
    case ask(Call)
    /// Write a record down.
    case write(Record)

    /// It waits for this agent's devices or disk alone.
    var isLocal: Bool {
        switch self {
        case .look, .enter, .commit, .reset, .handOver, .detach, .seal, .release, .cut, .write:
            true
        case .stream, .sample, .ask: false
        }
    }

    /// It asks a device of this agent for a change.
    var changesDevice: Bool {
        switch self {
        case .enter, .commit, .reset, .detach: true
        case .look, .handOver, .seal, .release, .stream, .cut, .sample, .ask, .write: false
        }
    }
}

/// What a source asks of the destination's agent.
enum Call: Hashable, Sendable {
    /// To claim its devices: `POST /v1/migrations`.
    case open
    /// To take a device to RESUMING.
    case enter(DeviceIdentifier)
    /// To reset a device that is in RESUMING.
    case reset(DeviceIdentifier)
    /// What became of the migration.
    case status
    /// To take the images.
    case prepare(Images)
    /// To run them.
    case run
    /// To forget them.
    case discard
}

/// What came of a step.
enum Outcome: Sendable {
    /// A device stands there.
    case seen(Sighting)
    /// A device did not do it.
    case refused(Refusal)
    /// A stream has ended.
    case streamed(StreamEnd)
    /// How a stream goes.
    case sampled(Sample)
    /// The other agent has done it; where that is its migration, as it stands.
    case answered(PeerRecord?)
    /// The other agent has refused it, with this problem.
    case denied(status: Int, JSONValue)
    /// Nobody knows whether the other agent did it.
    case unanswered(String)
    /// It surely never came to the other agent.
    case unreached(String)
    /// A device of the other agent has run these arcs.
    case moved([ArcEntry])
    /// It is done.
    case done
    /// The journal did not take it.
    case notWritten(Errno)
}

/// What is known of a device at one moment.
struct Sighting: Hashable, Sendable {
    var state: MigrationState
    /// The open session, or the last one.
    var session: String?
    /// The session's image is whole, and nothing of it is lost.
    var isComplete = false
    /// It was whole at some time: somebody may have it.
    var wasComplete = false
    /// The arcs that were run to get there.
    var arcs: [ArcEntry] = []
}

/// A device that did not do what was asked.
struct Refusal: Hashable, Sendable {
    /// `EBUSY`, or somebody else is at it: later it may.
    var isBusy: Bool
    /// The device is not attached.
    var isGone = false
    /// Why, as a problem.
    var problem: JSONValue
    /// Where it stands now.
    var sighting: Sighting?
}

/// How a stream ended.
enum StreamEnd: Hashable, Sendable {
    /// The whole image was sent and taken.
    case complete(Image)
    /// The connection broke: it can go on where the other agent stands.
    case cut(String)
    /// It cannot go on: what was sent is of no use.
    case void(String)
    /// The device itself ended it.
    case lost(String)
}

/// How a stream goes.
struct Sample: Hashable, Sendable {
    var readBytes: UInt64
    var sentBytes: UInt64
    var acknowledgedBytes: UInt64?
    var info: PrecopyInfo?
    var stopCopyLength: UInt64?
    var isDrained: Bool
    /// The destination's session has failed: nothing that is sent to it is of any use.
    var isRefused = false
}

/// The other side of the migration, as its agent shows it.
struct PeerRecord: Hashable, Sendable {
    var phase: String
    /// The destination's devices, in the order of the source's.
    var devices: [DeviceIdentifier]
    /// Where they stand.
    var states: [MigrationState] = []
    var arcs: [ArcEntry]
}
