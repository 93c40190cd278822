internal import Devices
internal import JSON
internal import MigrationModel

extension DestinationMachine {
    /// Goes on from what the journal says: the agent was restarted.
    mutating func takeUp(_ replay: JournalReplay) {
        decision = replay.decision
        finalState = replay.finalState ?? .running
        for place in members.indices { members[place].image = replay.images[members[place].device] }
        switch decision {
        case nil:
            // Whatever was on its way has lost its data fd: presumed aborted.
            failed(
                .failure(
                    "agent-restarted",
                    "The destination's agent was restarted before the images were prepared."))
        case .prepared?:
            phase = .prepared
            for place in members.indices { members[place].state = .stop }
        case .running?: phase = .runningDestination
        case .completed?:
            phase = .completed
            for place in members.indices where finalState == .stop { members[place].state = .stop }
        case .void?: phase = .void
        default:
            isEmptied = replay.isAcknowledged
            phase = replay.isAcknowledged ? .discarded : .copying
        }
        isReleased = !replay.isOpen
    }
}
