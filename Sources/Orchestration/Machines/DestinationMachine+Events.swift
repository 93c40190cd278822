internal import Digests
internal import JSON
internal import MigrationModel

extension DestinationMachine {
    /// A step has come to its end.
    mutating func ended(_ step: Step, _ outcome: Outcome, at now: Duration) {
        self.now = now
        switch (step, outcome) {
        case (.write(let record), .done):
            agenda.ended(step)
            conditions.clear(.journalFailed)
            written(record.kind)
        case (.write, .notWritten(let errno)):
            agenda.failed(step, at: now)
            conditions.set(.journalFailed, true, "The journal did not take a record: \(errno)")
            if decision == nil && goal == .prepare {
                failed(.failure("journal-failed", "Writing 'prepared' failed: \(errno)."))
            }
        case (.look(let place), .seen(let sighting)):
            agenda.ended(step)
            looked(place, sighting)
        case (.enter(let place, _), .seen(let sighting)):
            agenda.ended(step)
            // One that did not start from where it stood was reset in between: its image is gone.
            let start = sighting.arcs.first?.arc.from
            if start != members[place].state {
                members[place].isBlank = true
                members[place].isLeaving = false
            }
            members[place].state = sighting.state
            arcs += sighting.arcs
        case (.commit(let place, _), .seen(let sighting)),
            (.reset(let place), .seen(let sighting)):
            agenda.ended(step)
            members[place].state = sighting.state
            arcs += sighting.arcs
            if case .reset = step { members[place].isBlank = true }
        case (.seal, _):
            agenda.ended(step)
            isSealed = true
        case (.release, _):
            agenda.ended(step)
            isReleased = true
        case (.commit(let place, _), .refused(let refusal)):
            agenda.ended(step)
            notTaken(place, refusal)
        case (.enter(let place, _), .refused(let refusal)): notRun(step, place, refusal)
        case (.look(let place), .refused(let refusal)), (.reset(let place), .refused(let refusal)):
            agenda.failed(step, at: now)
            conditions.set(.deviceMissing, true, "\(members[place].device): \(refusal.text)")
        default: agenda.ended(step, restingFor: .milliseconds(100))
        }
    }

    private mutating func written(_ kind: Record.Kind) {
        if kind == .acknowledged { isEmptied = true }
        guard kind.isDecision else { return }
        decision = kind
        for place in members.indices { members[place].isSeen = false }
        switch kind {
        case .prepared: phase = .prepared
        case .running:
            // They were looked at a moment ago, before the intent; what is to leave STOP shows with its
            // arc whether it was reset since.
            for place in members.indices { members[place].isSeen = finalState == .running }
        case .void: phase = .void
        default: break
        }
    }

    private mutating func looked(_ place: Int, _ sighting: Sighting) {
        members[place].state = sighting.state
        members[place].isSeen = true
        conditions.clear(.deviceMissing)
        switch decision {
        case nil where goal == .prepare && sighting.state != .stop:
            failed(
                .failure(
                    "state-mismatch",
                    "\(members[place].device) is in \(sighting.state.name) after it took its image."
                ))
        case .prepared?:
            members[place].isBlank = sighting.state != .stop
        case .running? where finalState == .stop:
            members[place].isBlank = sighting.state != .stop
        case .running?:
            // The intent is on disk: what runs here runs its image, unless the agent's own end has
            // reset it.
            let runs = sighting.state == .running || sighting.state == .runningP2P
            let isReset = runs && isRestarted && members[place].losesState
            members[place].isBlank = isReset || !(runs || sighting.state == .stop)
            members[place].isLeaving = runs && !isReset
        default: break
        }
    }

    /// A device did not take its image: the whole group does not.
    private mutating func notTaken(_ place: Int, _ refusal: Refusal) {
        if let sighting = refusal.sighting { members[place].state = sighting.state }
        failed(refusal.problem)
    }

    mutating func failed(_ problem: JSONValue) {
        guard failure == nil else { return }
        failure = problem
        goal = .discard
    }

    /// A device does not run: again, if it only declined.
    private mutating func notRun(_ step: Step, _ place: Int, _ refusal: Refusal) {
        let failures = agenda.failed(step, at: now)
        if let sighting = refusal.sighting {
            members[place].state = sighting.state
            members[place].isLeaving = sighting.state != .stop && sighting.state != .error
        }
        if refusal.isBusy && failures < Tries.many { return }
        failure = failure ?? refusal.problem
        members[place].isBlank = true
    }
}
