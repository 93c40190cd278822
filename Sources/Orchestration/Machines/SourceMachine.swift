internal import JSON
internal import MigrationModel

/// The source's side of a migration, which coordinates it: what to do next, as a value.
///
/// It is told what came of every step, and answers which steps are to be begun; it asks nothing of
/// anybody and never blocks. Whatever order things happen in, it goes by what it knows: what is
/// on disk, where the devices were last seen, what the other agent has said.
///
/// ```mermaid
/// stateDiagram-v2
///     undecided --> committed : all prepared, all copies looked at
///     undecided --> aborting : for any reason, or after a crash
///     committed --> letting_go : the destination says that it runs
///     committed --> aborting : the destination says void
///     aborting --> aborted : all run again
///     aborting --> committed : a copy is lost, none has left STOP, all are prepared
///     letting_go --> completed
/// ```
struct SourceMachine: Sendable {
    let plan: MigrationPlan
    let epoch: UInt64
    var members: [SourceMember]
    var agenda = Agenda()
    var phase = Phase.pending
    /// The last decision on disk.
    var decision: Record.Kind?
    /// The migration is to be given up.
    var abort: Abort?
    /// What the other agent has of the images.
    var prepared = Prepared.notAsked
    /// The other agent may have heard of the migration.
    var wasOpened = false
    /// The other agent knows how it ended.
    var isAcknowledged = false
    /// An operator has decided that this side's copies are not to run.
    var isGivenUp = false
    /// Nobody else moves the devices.
    var isSealed = false
    /// The devices are everybody's again.
    var isReleased = false
    /// The agent was restarted: what was stopped before may be lost.
    let isRestarted: Bool
    /// A record says that devices were about to stop.
    var wasStopping = false
    var policy: ConvergencePolicy
    var stage = Stage.quiesce
    /// How often the devices declined to stop, in all.
    var declined = 0
    var notBefore = Duration.zero
    var isSwitchoverAsked = false
    var isHeld = false
    /// A client that coordinates has asked for the decision.
    var isCommitAsked = false
    var commitRefusal: JSONValue?
    var barriers: [BarrierState]
    var conditions = Conditions()
    var times = Downtime()
    var arcs: [ArcEntry] = []
    /// The arcs that the destination's record tells of.
    var peerArcs: [ArcEntry] = []
    var failure: JSONValue?
    let begun: Duration
    var now: Duration

    /// Why the migration is given up, and what that is called.
    struct Abort: Sendable {
        var end: Phase
        var cause: JSONValue
    }

    /// What the other agent has of the images.
    enum Prepared: Sendable {
        case notAsked
        case unknown
        case yes
        /// Some of them; others were lost there.
        case partly
        case no
    }

    /// How far the stop is.
    enum Stage: Sendable {
        /// All come to stand with their DMA.
        case quiesce
        /// All stop.
        case stop
        /// One declined to be quiesced: all go back to pre-copy.
        case backToPrecopy
        /// One declined to stop: all run again, and begin anew.
        case backToRunning
    }

    init(_ plan: MigrationPlan, _ features: [MigrationFeatures], at now: Duration) {
        self.init(plan, features, epoch: plan.epoch, isRestarted: false, at: now)
    }

    init(
        _ plan: MigrationPlan, _ features: [MigrationFeatures], epoch: UInt64, isRestarted: Bool,
        at now: Duration
    ) {
        self.plan = plan
        self.epoch = epoch
        self.isRestarted = isRestarted
        self.now = now
        begun = now
        members = zip(plan.devices, features).map { pair, features in
            SourceMember(
                source: pair.source, features: features,
                precopies: plan.options.mode == .preCopy && features.contains(.preCopy),
                destination: pair.destination)
        }
        policy = ConvergencePolicy(
            downtimeLimit: plan.options.downtimeLimit,
            devices: members.map { member in
                let features =
                    member.precopies ? member.features : member.features.subtracting(.preCopy)
                return ConvergencePolicy.Device(name: "\(member.source)", features: features)
            })
        barriers = plan.options.barriers.map(BarrierState.init)
    }

    // MARK: What there is to do

    /// The steps that are to be begun now; when to ask again is in ``Agenda/wake``.
    mutating func next(at now: Duration) -> [Step] {
        self.now = now
        agenda.begin(at: now)
        // A client that coordinates moves them itself, until it asks for the decision.
        let isOurs =
            plan.coordinator == .agent || isCommitAsked || abort != nil || decision != nil
        if isOurs != isSealed && !isReleased {
            agenda.want(.seal(isOurs))
            return agenda.takeBegun()
        }
        switch decision {
        case nil where isGivenUp, .committed? where isGivenUp, .aborting? where isGivenUp:
            agenda.want(.write(Record(.lettingGo)))
        case nil where abort != nil: giveUp()
        case nil where plan.coordinator == .client: decideForClient()
        case nil:
            goForward()
            if abort != nil { giveUp() }
        case .committed?: grant()
        case .aborting?: rollBack()
        case .aborted?: tellDiscarded()
        case .lettingGo?: letGo()
        default: end(as: .completed)
        }
        return agenda.takeBegun()
    }

    private mutating func goForward() {
        checkDeadlines()
        if abort != nil { return }
        switch phase {
        case .pending, .preflight:
            phase = .preflight
            agenda.want(.ask(.open))
        case .copying, .waitingSwitchover: copy()
        case .quiescing: quiesce()
        case .draining: drain()
        case .preparing: prepare()
        default: break
        }
    }

    /// Who sees the end finds the devices free.
    mutating func end(as end: Phase) {
        if isReleased { phase = end } else { agenda.want(.release) }
    }

    /// Gives the migration up, for a reason that stands in its object from then on.
    mutating func fail(_ cause: JSONValue, as end: Phase = .failed) {
        guard decision == nil, abort == nil else { return }
        abort = Abort(end: end, cause: cause)
        if end == .failed { failure = cause }
        for place in members.indices { members[place].isSeen = false }
    }

    // No deadline leads to anything that cannot be taken back.
    private mutating func checkDeadlines() {
        let options = plan.options
        if let start = times.quiesceStart {
            let limit = start + options.longestDowntime
            if now >= limit && options.onDowntimeExceeded == .rollback {
                return fail(
                    .failure(
                        "downtime-exceeded",
                        "The devices stood still for \(options.longestDowntime) without a decision."
                    ))
            }
            agenda.wakeUp(at: limit)
        } else if let longest = options.maxDuration, !isSwitchoverAsked, !isHeld {
            let limit = begun + longest
            guard now >= limit else { return agenda.wakeUp(at: limit) }
            switch options.onTimeout {
            case .cancel:
                let verdict = verdict(at: now) ?? phase.rawValue
                fail(.failure("timed-out", "\(longest) have passed; \(verdict)"))
            case .switchover: isSwitchoverAsked = true
            case .hold: isHeld = true
            }
        }
    }
}

extension JSONValue {
    /// A failure as it stands in a migration: a problem without its HTTP parts.
    static func failure(_ code: String, _ detail: String) -> JSONValue {
        ["code": .string(code), "detail": .string(detail)]
    }
}
