internal import JSON
internal import MigrationModel

extension SourceMachine {
    /// A step has come to its end.
    mutating func ended(_ step: Step, _ outcome: Outcome, at now: Duration) {
        self.now = now
        switch (step, outcome) {
        case (.ask(let call), _): heard(call, outcome)
        case (.write(let record), .done):
            agenda.ended(step)
            conditions.clear(.journalFailed)
            written(record.kind)
        case (.write(let record), .notWritten(let errno)):
            notWritten(record, "\(errno)")
        case (.sample(let place), .sampled(let sample)): sampled(place, sample)
        case (.sample, _): agenda.failed(step, at: now)
        case (.stream(let place), .streamed(let end)): streamed(place, end)
        case (.handOver(let place), .done):
            agenda.ended(step)
            members[place].isMarked = true
        case (.detach(let place), .done):
            agenda.ended(step)
            members[place].isLetGo = true
        case (.detach(let place), .refused(let refusal)): notDetached(place, refusal)
        case (.look(let place), .seen(let sighting)):
            agenda.ended(step)
            looked(place, sighting)
        case (.look(let place), .refused(let refusal)): unseen(place, refusal)
        case (.enter(let place, _), .seen(let sighting)), (.reset(let place), .seen(let sighting)):
            agenda.ended(step)
            reached(place, sighting)
        case (.enter(let place, let state), .refused(let refusal)):
            failed(step, place, to: state, refusal)
        case (.reset(let place), .refused(let refusal)):
            failed(step, place, to: .running, refusal)
        case (.seal(let isSealed), _):
            agenda.ended(step)
            self.isSealed = isSealed
        case (.release, _):
            agenda.ended(step)
            isReleased = true
        case (.cut, _): agenda.ended(step, restingFor: .milliseconds(100))
        default: agenda.failed(step, at: now)
        }
    }

    // MARK: The journal

    private mutating func written(_ kind: Record.Kind) {
        if kind.isDecision { decision = kind }
        switch kind {
        case .stopping: wasStopping = true
        case .preparing: prepared = .unknown
        case .committed:
            abort = nil
            failure = nil
            phase = .committed
            times.committed = now
        case .lettingGo:
            for place in members.indices { members[place].isSeen = false }
        case .acknowledged: isAcknowledged = true
        case .resolved where decision == .aborted: agenda.want(.write(Record(.acknowledged)))
        default: break
        }
    }

    private mutating func notWritten(_ record: Record, _ reason: String) {
        let failures = agenda.failed(.write(record), at: now)
        conditions.set(
            .journalFailed, true, "The journal did not take '\(record.kind)': \(reason)")
        let cause = JSONValue.failure(
            "journal-failed", "Writing '\(record.kind.rawValue)' failed: \(reason).")
        switch record.kind {
        case .stopping, .preparing, .committed: fail(cause)
        case .aborting where failures >= Tries.few:
            // Whether it is on disk that it was committed, nobody can say: both stand still.
            phase = .holding
        default: break
        }
    }

    // MARK: Devices

    private mutating func reached(_ place: Int, _ sighting: Sighting) {
        for entry in sighting.arcs {
            policy.ranArc(entry.arc, entry.duration)
        }
        arcs += sighting.arcs
        members[place].state = sighting.state
        if decision == .lettingGo && sighting.state == .running { members[place].isLetGo = true }
        if sighting.state.isInSavingGroup { members[place].session = sighting.session }
    }

    private mutating func looked(_ place: Int, _ sighting: Sighting) {
        let before = members[place]
        members[place].state = sighting.state
        members[place].isSeen = true
        members[place].wasComplete = sighting.wasComplete
        conditions.clear(.deviceMissing)
        if sighting.state == .error { members[place].isLost = true }
        // What has stopped, or may have, and runs was reset.
        let hasStopped = decision == .committed || isRestarted && wasStopping && decision == nil
        if hasStopped && sighting.state == .running { members[place].isLost = true }
        guard decision == nil, abort == nil else { return }
        let isOurs = sighting.session == before.session || plan.coordinator == .client
        if phase == .preparing || isCommitAsked {
            let isWhole = sighting.state == .stopCopy && isOurs && sighting.isComplete
            members[place].isVerified = isWhole
            if !isWhole { notIntact(place, sighting) }
        } else if before.isUnsure {
            members[place].isUnsure = false
            lookedAfter(place, before, sighting)
        }
    }

    private mutating func notIntact(_ place: Int, _ sighting: Sighting) {
        let cause = JSONValue.failure(
            "state-mismatch",
            "\(members[place].source) is in \(sighting.state.name), and its session's image is not whole any more."
        )
        guard plan.coordinator == .client else { return fail(cause) }
        isCommitAsked = false
        commitRefusal = cause
    }

    /// A stream has broken at its own end: where does the device stand?
    private mutating func lookedAfter(_ place: Int, _ before: SourceMember, _ sighting: Sighting) {
        let name = members[place].source
        switch sighting.state {
        case .error:
            fail(.failure("device-failed", "\(name) has gone to ERROR."))
        case .running where before.precopies && !before.state.hasStopped:
            // A reset by the guest or the VMM: the pre-copy begins anew.
            restartStream(place, because: "\(name) was reset.")
            if phase == .quiescing { stage = .backToRunning }
        case let state where state.hasStopped || before.state.hasStopped:
            if state == before.state && phase == .draining {
                restartStream(place, because: "its session was lost.")
            } else {
                fail(.failure("session-lost", "\(name) is in \(state.name), its session is lost."))
            }
        default: restartStream(place, because: "its session was lost.")
        }
    }

    /// What does not go by itself stays attached, marked and in STOP; an operator is told.
    private mutating func notDetached(_ place: Int, _ refusal: Refusal) {
        agenda.ended(.detach(place))
        members[place].isLetGo = true
        if refusal.isGone { return }
        conditions.set(
            .deviceFailed, true, "\(members[place].source) is still attached: \(refusal.text)")
    }

    private mutating func unseen(_ place: Int, _ refusal: Refusal) {
        agenda.failed(.look(place), at: now)
        if refusal.isGone {
            // It may be attached again: nothing is decided about a device that nobody sees.
            conditions.set(
                .deviceMissing, true,
                "\(members[place].source) is not attached: attach it for the migration to go on.")
        } else if !refusal.isBusy {
            members[place].isSeen = true
            members[place].isLost = true
            if abort == nil { fail(refusal.problem) }
        }
    }

    private mutating func failed(
        _ step: Step, _ place: Int, to state: MigrationState, _ refusal: Refusal
    ) {
        let failures = agenda.failed(step, at: now)
        if let sighting = refusal.sighting {
            members[place].state = sighting.state
            arcs += sighting.arcs
            if sighting.state == .error { members[place].isLost = true }
        }
        if decision == .lettingGo || decision == .aborting {
            if failures < (refusal.isBusy ? Tries.many : Tries.few) { return }
            conditions.set(.deviceFailed, true, "\(members[place].source): \(refusal.text)")
            if decision == .lettingGo { members[place].isLetGo = true }
            members[place].isStuck = decision == .aborting
            return
        }
        guard decision == nil, abort == nil else { return }
        if members[place].isLost { return fail(refusal.problem) }
        if phase == .quiescing && stage != .backToPrecopy && stage != .backToRunning {
            declined(refusal)
        } else if !refusal.isBusy || failures >= Tries.some {
            fail(refusal.problem)
        }
    }

    // MARK: Streams

    private mutating func streamed(_ place: Int, _ end: StreamEnd) {
        let step = Step.stream(place)
        guard abort == nil, decision == nil else { return agenda.ended(step) }
        switch end {
        case .complete(let image):
            agenda.ended(step)
            members[place].image = image
            members[place].sentBytes = image.bytes
        case .cut(let reason):
            let failures = agenda.failed(step, at: now)
            conditions.set(.peerReachable, false, reason)
            if failures >= Tries.some { fail(.failure("peer-unreachable", reason)) }
        case .void(let reason):
            agenda.ended(step)
            if members[place].needsRestart { return }
            restartStream(place, because: reason)
            if phase == .quiescing { stage = .backToRunning }
        case .lost:
            agenda.ended(step)
            if !members[place].needsRestart { members[place].isUnsure = true }
        }
    }
}

extension MigrationState {
    /// Its device stands still, or is about to.
    fileprivate var hasStopped: Bool {
        self == .stopCopy || self == .stop
    }
}

extension Refusal {
    /// Why, in a sentence.
    var text: String {
        problem["detail"]?.text ?? "the device refused"
    }
}
