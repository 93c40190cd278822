internal import Devices
internal import JSON
internal import MigrationModel

extension SourceMachine {
    /// Goes on from what the journal says: the agent was restarted.
    ///
    /// - Parameter losesState: whether a device's state has ended with the agent, or with the host.
    mutating func takeUp(_ replay: JournalReplay, isSameBoot: Bool, losesState: [Bool]) {
        decision = replay.decision
        isReleased = !replay.isOpen
        wasOpened = true
        times = Downtime(replay.downtime)
        for (place, device) in zip(members.indices, replay.destinations) {
            members[place].destination = device
        }
        wasStopping = replay.wasStopping
        isAcknowledged = replay.isAcknowledged
        // With the host the record may have been lost, although the other agent was asked; a client
        // that asks it does not say so.
        let mayHaveAsked = replay.wasPreparing || !isSameBoot || plan.coordinator == .client
        prepared = mayHaveAsked ? .unknown : .notAsked
        let restarted = JSONValue.failure(
            "agent-restarted", "The source's agent was restarted before it had decided.")
        let end = replay.end ?? .failed
        let cause = replay.cause ?? restarted
        switch decision {
        case nil, .aborting?, .aborted?:
            abort = Abort(end: end, cause: cause)
            if end == .failed { failure = cause }
            phase = decision == .aborted ? end : .aborting
        case .committed?:
            phase = .committed
            prepared = .yes
        case .lettingGo?: phase = .lettingGo
        default: phase = .completed
        }
        for (place, end) in zip(members.indices, replay.ends) { members[place].takeUp(end) }
        for place in members.indices where losesState[place] && decision != .lettingGo {
            members[place].isLost = true
            members[place].isSeen = true
        }
    }
}

extension SourceMember {
    /// It has ended like this.
    fileprivate mutating func takeUp(_ end: JSONValue) {
        state = end["state"]?.text.flatMap { MigrationState(name: $0) } ?? state
        destinationState = end["destination_state"]?.text.flatMap { MigrationState(name: $0) }
        image = Image(end["image"])
        sentBytes = image?.bytes ?? 0
    }
}
