internal import JSON

extension SourceMachine {
    /// A client wants something of the migration; refused where it is too late or out of place.
    mutating func request(_ request: MigrationRequest) throws(MigrationProblem) {
        switch request {
        case .cancel:
            if let end = abort?.end, end == .cancelled { return }
            if decision == .aborting || decision == .aborted { return }
            if phase.isEnd { throw .ended(phase) }
            // On its way to the disk it may be there already.
            guard decision == nil, !agenda.underWay.contains(.write(Record(.committed))) else {
                throw .committed(phase)
            }
            fail(.failure("cancelled", "A client has cancelled the migration."), as: .cancelled)
            phase = .aborting
        case .switchover:
            guard plan.coordinator == .agent else { throw .mismatch(phase) }
            if phase.isEnd { throw .ended(phase) }
            isSwitchoverAsked = true
        case .releaseBarrier(let name):
            guard let place = barriers.firstIndex(where: { $0.barrier.rawValue == name }) else {
                throw .noSuchBarrier(name)
            }
            if phase.isEnd { throw .ended(phase) }
            barriers[place].release()
        case .commit: try commit()
        case .finish:
            guard plan.coordinator == .client else { throw .mismatch(phase) }
            if decision == .lettingGo || decision == .completed { return }
            guard decision == .committed else { throw .mismatch(phase) }
            agenda.want(.write(Record(.lettingGo)))
        case .void:
            guard plan.coordinator == .client else { throw .mismatch(phase) }
            if decision == .aborting || decision == .aborted { return }
            guard decision == .committed else { throw .mismatch(phase) }
            takeBack("The destination has answered void.", as: .cancelled)
            prepared = .partly
        case .resolve(let action, let reason): try resolve(action, reason)
        case .prepare, .run, .discard: throw .mismatch(phase)
        }
    }

    private mutating func commit() throws(MigrationProblem) {
        guard plan.coordinator == .client else { throw .mismatch(phase) }
        if decision == .committed || decision == .lettingGo || decision == .completed { return }
        guard decision == nil, abort == nil else { throw .mismatch(phase) }
        commitRefusal = nil
        isCommitAsked = true
    }

    /// An operator decides where the agents cannot, and vouches that the other side is fenced.
    private mutating func resolve(
        _ action: MigrationRequest.Resolution, _ reason: String
    ) throws(MigrationProblem) {
        // Whether a client that coordinates will come back, only people know.
        if decision == .aborted, !isAcknowledged, action == .takeOver {
            // It has: the destination, which is fenced, needs not be told any more.
            return agenda.want(.write(.resolved(action, reason)))
        }
        let isTheClients = plan.coordinator == .client && decision == .committed
        let isStuck = phase == .inDoubt || phase == .holding || isTheClients
        guard isStuck else { throw .mismatch(phase) }
        agenda.want(.write(.resolved(action, reason)))
        switch (action, decision) {
        case (.takeOver, .committed?):
            takeBack("An operator has taken the devices back: \(reason)", as: .failed)
        case (.takeOver, _):
            prepared = .no
            phase = .aborting
        case (.giveUp, _): break
        }
        isGivenUp = action == .giveUp
    }

    private mutating func takeBack(_ reason: String, as end: Phase) {
        prepared = .no
        let cause = JSONValue.failure("taken-back", reason)
        abort = Abort(end: end, cause: cause)
        if end == .failed { failure = cause }
        phase = .aborting
        for place in members.indices { members[place].isSeen = false }
    }

    /// The other agent knows of the end.
    var isOver: Bool {
        decision == .completed || isAcknowledged
    }

    /// What came of a request, once that is known.
    func answer(to request: MigrationRequest) -> Result<Void, MigrationProblem>? {
        switch request {
        case .commit:
            if let commitRefusal { return .failure(.failed(commitRefusal)) }
            if abort != nil { return .failure(.mismatch(phase)) }
            return decision == nil ? nil : .success(())
        case .finish: return phase == .completed ? .success(()) : nil
        case .void: return phase.isEnd ? .success(()) : nil
        case .resolve:
            let isPending = phase == .inDoubt || phase == .holding || phase.isEnd && !isAcknowledged
            return isPending && decision != .completed ? nil : .success(())
        default: return .success(())
        }
    }
}
