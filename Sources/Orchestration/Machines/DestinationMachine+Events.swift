internal import Devices
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
            written(record.kind)
        case (.write, .notWritten(let errno)):
            agenda.failed(step, at: now)
            conditions.set("JournalFailed", true, "The journal did not take a record: \(errno)")
            if decision == nil && goal == .prepare {
                failed(.failure("journal-failed", "Writing 'prepared' failed: \(errno)."), 507)
            }
        case (.look(let place), .seen(let sighting)):
            agenda.ended(step)
            looked(place, sighting)
        case (.enter(let place, _), .seen(let sighting)):
            agenda.ended(step)
            // One that did not start from where it stood was reset in between: its image is gone.
            let start = sighting.arcs.first?.arc.from
            if start != guests[place].state {
                guests[place].isBlank = true
                guests[place].isLeaving = false
            }
            guests[place].state = sighting.state
            arcs += sighting.arcs
        case (.commit(let place, _), .seen(let sighting)),
            (.reset(let place), .seen(let sighting)):
            agenda.ended(step)
            guests[place].state = sighting.state
            arcs += sighting.arcs
            if case .reset = step { guests[place].isBlank = true }
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
            conditions.set("DeviceMissing", true, "\(guests[place].device): \(refusal.text)")
        default: agenda.ended(step, restingFor: .milliseconds(100))
        }
    }

    private mutating func written(_ kind: Record.Kind) {
        if kind == .acknowledged { isEmptied = true }
        guard kind.isDecision else { return }
        decision = kind
        for place in guests.indices { guests[place].isSeen = false }
        switch kind {
        case .prepared: phase = .prepared
        case .running:
            // They were looked at a moment ago, before the intent; what is to leave STOP shows with its
            // arc whether it was reset since.
            for place in guests.indices { guests[place].isSeen = finalState == .running }
        case .void: phase = .void
        default: break
        }
    }

    private mutating func looked(_ place: Int, _ sighting: Sighting) {
        guests[place].state = sighting.state
        guests[place].isSeen = true
        conditions.clear("DeviceMissing")
        switch decision {
        case nil where goal == .prepare && sighting.state != .stop:
            failed(
                .failure(
                    "state-mismatch",
                    "\(guests[place].device) is in \(sighting.state.name) after it took its image."),
                409)
        case .prepared?:
            guests[place].isBlank = sighting.state != .stop
        case .running? where finalState == .stop:
            guests[place].isBlank = sighting.state != .stop
        case .running?:
            // The intent is on disk: what runs here runs its image, unless the agent's own end has
            // reset it.
            let runs = sighting.state == .running || sighting.state == .runningP2P
            let isReset = runs && isRestarted && guests[place].losesState
            guests[place].isBlank = isReset || !(runs || sighting.state == .stop)
            guests[place].isLeaving = runs && !isReset
        default: break
        }
    }

    /// A device did not take its image: the whole group does not.
    private mutating func notTaken(_ place: Int, _ refusal: Refusal) {
        if let sighting = refusal.sighting { guests[place].state = sighting.state }
        failed(refusal.problem, nil)
    }

    mutating func failed(_ problem: JSONValue, _ status: Int?) {
        guard failure == nil else { return }
        failure = problem
        failureStatus = status
        goal = .discard
    }

    /// A device does not run: again, if it only declined.
    private mutating func notRun(_ step: Step, _ place: Int, _ refusal: Refusal) {
        let failures = agenda.failed(step, at: now)
        if let sighting = refusal.sighting {
            guests[place].state = sighting.state
            guests[place].isLeaving = sighting.state != .stop && sighting.state != .error
        }
        if refusal.isBusy && failures < 20 { return }
        failure = failure ?? refusal.problem
        guests[place].isBlank = true
    }

    // MARK: What it is asked for

    /// The source, or an operator, wants something; refused where it is too late or out of place.
    mutating func request(_ request: MigrationRequest) throws(MigrationProblem) {
        switch request {
        case .prepare(let epoch, let images):
            try check(epoch)
            try prepare(images)
        case .run(let epoch, let finalState):
            try check(epoch)
            switch decision {
            case .prepared?:
                // The first word counts: the intent may be on its way to the disk.
                if goal == .discard || goal == .run { return }
                goal = .run
                self.finalState = finalState
            case .running?, .completed?, .void?: return
            default: throw decision == nil ? .mismatch(phase) : .ended(phase)
            }
        case .discard(let epoch):
            try check(epoch)
            guard decision != .running, decision != .completed,
                !(decision == .prepared && goal == .run)
            else { throw .committed(phase) }
            goal = .discard
        case .resolve(let action, let reason): try resolve(action, reason)
        case .cancel, .switchover, .pass, .commit, .finish, .void: throw .mismatch(phase)
        }
    }

    private mutating func prepare(_ images: [ImageDescription]) throws(MigrationProblem) {
        switch decision {
        case nil: break
        case .discarded?: throw .ended(phase)
        default: return
        }
        if goal == .discard { throw .ended(.discarded) }
        if goal == .prepare { return }
        for place in guests.indices {
            guard let image = images.first(where: { $0.device == guests[place].device }) else {
                throw .noneFits(guests[place].device, reason: "No image is described for it.")
            }
            guests[place].image = Image(
                device: image.device, bytes: image.bytes, sha256: image.sha256.hexadecimal)
            guests[place].isSeen = false
        }
        goal = .prepare
    }

    private mutating func check(_ epoch: UInt64) throws(MigrationProblem) {
        if epoch < self.epoch { throw .staleEpoch(current: self.epoch) }
        self.epoch = epoch
    }

    private mutating func resolve(
        _ action: MigrationRequest.Resolution, _ reason: String
    ) throws(MigrationProblem) {
        switch (action, decision, phase) {
        case (.takeOver, .prepared?, _) where goal != .discard:
            goal = .run
            conditions.set("TakenOver", true, "An operator has run it without the grant: \(reason)")
        case (.takeOver, .running?, .holding):
            // What runs is what is left: the source is told that it runs.
            for place in guests.indices { guests[place].isBlank = false }
            agenda.want(.write(Record(.completed)))
        case (.giveUp, nil, _): goal = .discard
        case (.giveUp, .prepared?, _) where goal != .run: goal = .discard
        case (.giveUp, .running?, .holding):
            isGivenUp = true
            for place in guests.indices { guests[place].isBlank = false }
        default: throw .mismatch(phase)
        }
        agenda.want(
            .write(
                Record(
                    .resolved, ["action": .string(action.rawValue), "reason": .string(reason)])))
    }

    /// The answer to what was asked, once there is one.
    func answer(to request: MigrationRequest) -> Result<Void, MigrationProblem>? {
        switch request {
        case .prepare:
            if decision == .discarded || goal == .discard {
                if let failure { return .failure(.failed(status: failureStatus, failure)) }
                return .failure(.ended(.discarded))
            }
            return decision == nil ? nil : .success(())
        case .run:
            let isAnswered = phase == .completed || phase == .void || phase == .holding
            return isAnswered ? .success(()) : nil
        case .discard: return decision == .discarded ? .success(()) : nil
        default: return .success(())
        }
    }
}
