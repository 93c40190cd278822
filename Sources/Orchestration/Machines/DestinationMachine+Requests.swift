internal import Devices
internal import JSON
internal import MigrationModel

extension DestinationMachine {
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
        case .cancel, .switchover, .releaseBarrier, .commit, .finish, .void: throw .mismatch(phase)
        }
    }

    private mutating func prepare(_ images: Images) throws(MigrationProblem) {
        switch decision {
        case nil: break
        case .discarded?: throw .ended(phase)
        default: return
        }
        if goal == .discard { throw .ended(.discarded) }
        if goal == .prepare { return }
        for place in members.indices {
            let device = members[place].device
            guard let image = images[device] else {
                throw .noneFits(device, reason: "No image is described for it.")
            }
            members[place].image = image
            members[place].isSeen = false
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
            conditions.set(.takenOver, true, "An operator has run it without the grant: \(reason)")
        case (.takeOver, .running?, .holding):
            // What runs is what is left: the source is told that it runs.
            for place in members.indices { members[place].isBlank = false }
            agenda.want(.write(Record(.completed)))
        case (.giveUp, nil, _): goal = .discard
        case (.giveUp, .prepared?, _) where goal != .run: goal = .discard
        case (.giveUp, .running?, .holding):
            isGivenUp = true
            for place in members.indices { members[place].isBlank = false }
        default: throw .mismatch(phase)
        }
        agenda.want(.write(.resolved(action, reason)))
    }

    /// The answer to what was asked, once there is one.
    func answer(to request: MigrationRequest) -> Result<Void, MigrationProblem>? {
        switch request {
        case .prepare:
            if decision == .discarded || goal == .discard {
                if let failure { return .failure(.failed(failure)) }
                return .failure(.ended(.discarded))
            }
            return decision == nil ? nil : .success(())
        case .run:
            let isAnswered = phase == .completed || phase == .void || phase == .holding
            return isAnswered ? .success(()) : nil
        case .discard: return decision == .discarded ? .success(()) : nil
        case .resolve:
            let isPending = [.copying, .prepared, .holding].contains(phase)
            return isPending ? nil : .success(())
        default: return .success(())
        }
    }
}
