public import Devices
public import JSON
public import MigrationModel

/// What was asked of a migration.
public struct MigrationPlan: Sendable {
    /// Its name, the same on both sides.
    public var id: MigrationIdentifier
    /// Which side of it this agent is.
    public var role: Role
    /// Who moves the states and the bytes.
    public var coordinator: Coordinator
    /// Counts the starts of a coordinator: what an earlier one still says is refused.
    public var epoch: UInt64
    /// Who goes where, 1 to ``mostDevices`` of them.
    public var devices: [Pair]
    /// The agent that takes the devices, for a source.
    public var destination: Destination?
    /// How it goes.
    public var options: Options
    /// What it was read from: what the journal keeps of it.
    public var request: JSONValue

    /// The most devices of a group.
    public static let mostDevices = 64

    /// A plan for a group of devices.
    public init(
        id: MigrationIdentifier, role: Role, coordinator: Coordinator = .agent, epoch: UInt64 = 1,
        devices: [Pair], destination: Destination? = nil, options: Options = Options(),
        request: JSONValue
    ) {
        self.id = id
        self.role = role
        self.coordinator = coordinator
        self.epoch = epoch
        self.devices = devices
        self.destination = destination
        self.options = options
        self.request = request
    }

    /// A side of a migration.
    public enum Role: String, Hashable, Sendable, CaseIterable {
        /// Its devices run, and are to go.
        case source
        /// Its devices are blank, and are to take the images.
        case destination
    }

    /// Who moves the states and the bytes of a source.
    public enum Coordinator: String, Hashable, Sendable, CaseIterable {
        /// The source's agent.
        case agent
        /// A client, by the API; the agent keeps the claims and the decision.
        case client
    }

    /// A device and where it goes.
    public struct Pair: Hashable, Sendable {
        /// The device at the source, by its id there.
        public var source: DeviceIdentifier
        /// The device at the destination; nil for any that fits.
        public var destination: DeviceIdentifier?
        /// What the source is; known at the destination.
        public var identity: DeviceIdentity?
        /// What the source supports; known at the destination.
        public var features: MigrationFeatures?

        /// A device and where it goes.
        public init(
            source: DeviceIdentifier, destination: DeviceIdentifier? = nil,
            identity: DeviceIdentity? = nil, features: MigrationFeatures? = nil
        ) {
            self.source = source
            self.destination = destination
            self.identity = identity
            self.features = features
        }
    }

    /// The other agent.
    public struct Destination: Hashable, Sendable {
        /// Where its API is.
        public var url: String
        /// Where images go, if not there.
        public var dataURL: String?
        /// What it wants to hear as `Authorization: Bearer`; nil where it wants nothing.
        public var bearerToken: String?

        /// An agent by its address.
        public init(url: String, dataURL: String? = nil, bearerToken: String? = nil) {
            self.url = url
            self.dataURL = dataURL
            self.bearerToken = bearerToken
        }
    }

    /// How a migration goes.
    public struct Options: Hashable, Sendable {
        /// Whether bytes move while the devices run.
        public var mode = Mode.preCopy
        /// Who says when the devices stop.
        public var switchover = Switchover.automatic
        /// How long the devices may stand still, as it is aimed at.
        public var downtimeLimit = Duration.milliseconds(300)
        /// How long they may stand still before something is done about it; nil for ten times the limit.
        public var maxDowntime: Duration?
        /// What is done then.
        public var onDowntimeExceeded = OnDowntimeExceeded.rollback
        /// How long it may go on before the devices stop.
        public var maxDuration: Duration?
        /// What is done then.
        public var onTimeout = OnTimeout.cancel
        /// How fast all its streams together may go.
        public var maxBytesPerSecond: UInt64?
        /// Where the destination's devices end.
        public var finalState = FinalState.running
        /// What becomes of the source's devices.
        public var sourceAfter = SourceAfter.reset
        /// Where it waits for somebody's word.
        public var barriers: [Barrier] = []
        /// How long it waits there.
        public var barrierTimeout = Duration.seconds(30)
        /// Devices may be moved that nobody but the agent keeps alive.
        public var allowSoleHolder = false
        /// Groups may be moved whose devices cannot all be quiesced.
        public var allowMissingP2P = false

        /// With pre-copy, automatically, within 300 ms.
        public init() {}

        /// The longest stop before ``onDowntimeExceeded``.
        public var longestDowntime: Duration {
            maxDowntime ?? downtimeLimit * 10
        }
    }

    /// Whether bytes move while the devices run.
    public enum Mode: String, Hashable, Sendable, CaseIterable {
        /// They do, where a device has PRE_COPY.
        case preCopy = "pre-copy"
        /// They do not.
        case stopCopy = "stop-copy"
    }

    /// Who says when the devices stop.
    public enum Switchover: String, Hashable, Sendable, CaseIterable {
        /// The policy.
        case automatic
        /// A client.
        case manual
    }

    /// What happens when the devices stand still for too long.
    public enum OnDowntimeExceeded: String, Hashable, Sendable, CaseIterable {
        /// They run again at the source.
        case rollback
        /// They go on standing still.
        case `continue`
    }

    /// What happens when a migration does not come to its end in time.
    public enum OnTimeout: String, Hashable, Sendable, CaseIterable {
        /// It is given up.
        case cancel
        /// The devices stop, however long for.
        case switchover
        /// It goes on copying until a client decides.
        case hold
    }

    /// The state that a destination's device ends in.
    public enum FinalState: String, Hashable, Sendable, CaseIterable {
        /// It runs.
        case running = "RUNNING"
        /// It has the image and stands still, until somebody else runs it.
        case stop = "STOP"
    }

    /// What becomes of a source's device, once another one runs its image.
    public enum SourceAfter: String, Hashable, Sendable, CaseIterable {
        /// It is reset, which wipes the guest's secrets.
        case reset
        /// It stays in STOP, with the image.
        case stop
        /// It is detached in STOP.
        case detach
    }

    /// A place where a migration waits until the VMM's side has done its part.
    public enum Barrier: String, Hashable, Sendable, CaseIterable {
        /// Before the first device leaves PRE_COPY.
        case beforeQuiesce = "before-quiesce"
        /// Before the first device stops; none starts DMA of its own any more.
        case beforeStop = "before-stop"
        /// Before the decision: the destination has the images.
        case beforeRun = "before-run"
    }
}
