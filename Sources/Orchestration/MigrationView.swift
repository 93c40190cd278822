public import Devices
public import JSON
public import MigrationModel
public import SystemCalls

/// Everything that is known of a migration at one moment.
public struct MigrationView: Sendable {
    /// What was asked.
    public let plan: MigrationPlan
    /// The coordinator's start, as far as this side knows.
    public let epoch: UInt64
    /// How far it is.
    public let phase: Phase
    /// Grows with everything but the numbers of bytes.
    public let generation: UInt64
    /// Its devices, in the order in which they were named.
    public let devices: [Device]
    /// What the policy makes of it, while it copies.
    public let assessment: Assessment?
    /// Where it stands, in words, while it copies.
    public let verdict: String?
    /// What else is to be said.
    public let conditions: [Conditions.Condition]
    /// Where it waits.
    public let barriers: [BarrierState]
    /// What both sides' devices did, in the order in which it was done.
    public let arcs: [ArcEntry]
    /// How long the devices stood still.
    public let downtime: Downtime
    /// Why it was given up: a problem.
    public let failure: JSONValue?
    /// When it was begun.
    public let createdAt: Timestamp
    /// When it came to its end.
    public let endedAt: Timestamp?

    /// One device of it.
    public struct Device: Sendable {
        /// Its id at the source.
        public var source: DeviceIdentifier
        /// Its id at the destination, once that is known.
        public var destination: DeviceIdentifier?
        /// Where it was last seen, on this side.
        public var state: MigrationState
        /// Where the destination's was, as far as its agent has said; nil at the destination.
        public var destinationState: MigrationState?
        /// How often its stream had to begin anew.
        public var restarts = 0
        /// How far its stream is; nil where nothing is known of one.
        public var progress: Progress?
        /// The whole image, once it was sent.
        public var image: Image?
    }

    /// How far a stream is.
    public struct Progress: Sendable {
        /// What was sent; at the destination, what was taken.
        public var bytes: UInt64
        /// What the destination's device has taken.
        public var acknowledgedBytes: UInt64?
        /// What its driver says is left.
        public var info: PrecopyInfo?
        /// What STOP_COPY would deliver, by its driver's estimate.
        public var stopCopyLength: UInt64?
    }

    init(_ migration: Migration, _ contents: Migration.Contents, at now: Duration) {
        generation = contents.generation
        createdAt = migration.createdAt
        endedAt = contents.endedAt
        switch contents.machine {
        case .source(let machine):
            plan = migration.plan
            epoch = machine.epoch
            phase = machine.phase
            devices = machine.members.map(Device.init)
            assessment = machine.isCopying ? machine.policy.assess(at: now) : nil
            verdict = machine.verdict(at: now)
            conditions = machine.conditions.all
            barriers = machine.barriers
            arcs = (machine.arcs + machine.peerArcs).sorted { $0.at < $1.at }
            downtime = machine.times
            failure = machine.failure
        case .destination(let machine):
            plan = migration.plan
            epoch = machine.epoch
            phase = machine.phase
            devices = zip(migration.plan.devices, machine.members).map { pair, member in
                Device(
                    source: pair.source, destination: member.device, state: member.state,
                    progress: migration.progress(of: member), image: member.image)
            }
            assessment = nil
            verdict = nil
            conditions = machine.conditions.all
            barriers = []
            arcs = machine.arcs.sorted { $0.at < $1.at }
            downtime = Downtime()
            failure = machine.failure
        }
    }
}

extension MigrationView.Device {
    fileprivate init(_ member: SourceMember) {
        self.init(
            source: member.source, destination: member.destination, state: member.state,
            destinationState: member.destinationState, restarts: member.restarts,
            image: member.image)
        // What was sampled before the end tells of what was left then.
        let sample = member.image == nil ? member.sample : nil
        progress = MigrationView.Progress(
            bytes: member.sentBytes,
            acknowledgedBytes: member.image?.bytes ?? sample?.acknowledgedBytes,
            info: sample?.info, stopCopyLength: sample?.stopCopyLength)
    }
}
