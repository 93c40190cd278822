internal import Devices
internal import JSON
internal import MigrationModel

/// The destination's side of a migration: does what the source asks, once, and remembers it.
///
/// ```mermaid
/// stateDiagram-v2
///     open --> prepared : every image is in its device
///     open --> discarded : one is not, or the agent was restarted
///     prepared --> running : the grant; the intent is written first
///     running --> completed : all run
///     running --> holding : some run, and one does not
///     prepared --> void : an image was lost
///     running --> void : one was lost before any ran
///     prepared --> discarded : the source has taken back
///     void --> discarded
/// ```
struct DestinationMachine: Sendable {
    let plan: MigrationPlan
    var epoch: UInt64
    var members: [DestinationMember]
    var agenda = Agenda()
    var phase = Phase.copying
    var decision: Record.Kind?
    /// What it was asked for last.
    var goal = Goal.none
    var failure: JSONValue?
    var conditions = Conditions()
    var arcs: [ArcEntry] = []
    /// An operator has decided that the images are not to run here.
    var isGivenUp = false
    var finalState = MigrationPlan.FinalState.running
    /// Nobody else moves the devices any more.
    var isSealed = false
    /// The devices are empty, and nobody empties them again.
    var isEmptied = false
    /// The devices are everybody's again.
    var isReleased = false
    /// The agent was restarted since the images were taken in.
    let isRestarted: Bool
    var now: Duration

    /// What the source has asked for.
    enum Goal: Sendable {
        case none
        case prepare
        case run
        case discard
    }

    init(
        _ plan: MigrationPlan, _ members: [DestinationMember], epoch: UInt64, isRestarted: Bool,
        at now: Duration
    ) {
        self.plan = plan
        self.members = members
        self.epoch = epoch
        self.isRestarted = isRestarted
        self.now = now
    }

    // MARK: What there is to do

    /// The steps that are to be begun now.
    mutating func next(at now: Duration) -> [Step] {
        self.now = now
        agenda.begin(at: now)
        // From here on whatever still comes over the network comes too late.
        let isDue = goal != .none || decision != nil
        if isDue && !isSealed && !isReleased {
            agenda.want(.seal(true))
            return agenda.takeBegun()
        }
        switch decision {
        case nil: takeIn()
        case .prepared?: wait()
        case .running?: run()
        case .void? where goal == .discard: agenda.want(.write(Record(.discarded)))
        case .discarded?: empty()
        case .completed?: end(as: .completed)
        default: break
        }
        return agenda.takeBegun()
    }

    /// Takes every image to STOP, sees that it is there, and writes it down.
    private mutating func takeIn() {
        if goal == .discard {
            if !agenda.isChangingDevices && !agenda.isWriting {
                agenda.want(.write(Record(.discarded)))
            }
            return
        }
        guard goal == .prepare else { return }
        phase = .preparing
        for place in members.indices where members[place].state != .stop {
            if let image = members[place].image { agenda.want(.commit(place, image)) }
        }
        guard members.allSatisfy({ $0.state == .stop }) else { return }
        for place in members.indices where !members[place].isSeen { agenda.want(.look(place)) }
        guard members.allSatisfy(\.isSeen) else { return }
        agenda.want(.write(Record(.prepared, images)))
    }

    /// Prepared: nothing leaves STOP before the grant.
    private mutating func wait() {
        switch goal {
        case .discard: agenda.want(.write(Record(.discarded)))
        case .run:
            phase = .runningDestination
            for place in members.indices where !members[place].isSeen { agenda.want(.look(place)) }
            guard members.allSatisfy(\.isSeen) else { return }
            let isLost = members.contains(where: \.isBlank)
            let finalState: JSONObject = ["final_state": .string(self.finalState.rawValue)]
            agenda.want(.write(isLost ? Record(.void) : Record(.running, finalState)))
        case .none, .prepare: phase = .prepared
        }
    }

    /// All to RUNNING_P2P, barrier, all to RUNNING.
    private mutating func run() {
        if isGivenUp { return giveBack() }
        guard phase != .holding else { return }
        phase = .runningDestination
        for place in members.indices where !members[place].isSeen { agenda.want(.look(place)) }
        guard members.allSatisfy(\.isSeen) else { return }
        if members.contains(where: \.isBlank) {
            guard !agenda.isChangingDevices else { return }
            let hasLeft = members.contains(where: \.isLeaving)
            if hasLeft || isRestarted && finalState == .running { return hold() }
            return agenda.want(.write(Record(.void)))
        }
        if finalState == .running {
            let still = members.indices.filter {
                members[$0].features.contains(.p2p) && members[$0].state == .stop
            }
            if !still.isEmpty { return still.forEach { leave($0, to: .runningP2P) } }
            for place in members.indices where members[place].state != .running {
                leave(place, to: .running)
            }
            guard members.allSatisfy({ $0.state == .running }) else { return }
        }
        agenda.want(.write(Record(.completed)))
    }

    /// An operator has said that the source is to take back: first nothing of the images runs here.
    private mutating func giveBack() {
        for place in members.indices where !members[place].isBlank { agenda.want(.reset(place)) }
        if members.allSatisfy(\.isBlank) { agenda.want(.write(Record(.void))) }
    }

    private mutating func leave(_ place: Int, to state: MigrationState) {
        members[place].isLeaving = true
        agenda.want(.enter(place, state))
    }

    mutating func hold() {
        phase = .holding
        conditions.set(
            .operatorNeeded, true,
            "Some images may run here and one is lost: look at the devices, then resolve.")
    }

    /// Empties the devices: whatever is in them is of no use.
    private mutating func empty() {
        for place in members.indices where !members[place].isSeen { agenda.want(.look(place)) }
        guard members.allSatisfy(\.isSeen) else { return }
        for place in members.indices where members[place].state != .running {
            agenda.want(.reset(place))
        }
        guard members.allSatisfy({ $0.state == .running }) else { return }
        // Written down, so that no later start empties them again.
        if isEmptied { end(as: .discarded) } else { agenda.want(.write(Record(.acknowledged))) }
    }

    /// Who sees the end finds the devices free.
    private mutating func end(as end: Phase) {
        if isReleased { phase = end } else { agenda.want(.release) }
    }

    private var images: JSONObject {
        var images = Images()
        for member in members { images[member.device] = member.image }
        return ["images": images.json]
    }
}
