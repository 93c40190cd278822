internal import JSON
/// Either side of a migration, as a value.
enum Machine: Sendable {
    case source(SourceMachine)
    case destination(DestinationMachine)

    mutating func next(at now: Duration) -> (steps: [Step], wake: Duration?) {
        switch self {
        case .source(var machine):
            let steps = machine.next(at: now)
            self = .source(machine)
            return (steps, machine.agenda.wake)
        case .destination(var machine):
            let steps = machine.next(at: now)
            self = .destination(machine)
            return (steps, machine.agenda.wake)
        }
    }

    mutating func ended(_ step: Step, _ outcome: Outcome, at now: Duration) {
        switch self {
        case .source(var machine):
            machine.ended(step, outcome, at: now)
            self = .source(machine)
        case .destination(var machine):
            machine.ended(step, outcome, at: now)
            self = .destination(machine)
        }
    }

    mutating func request(_ request: MigrationRequest) throws(MigrationProblem) {
        switch self {
        case .source(var machine):
            try machine.request(request)
            self = .source(machine)
        case .destination(var machine):
            try machine.request(request)
            self = .destination(machine)
        }
    }

    /// What came of a request, once that is known.
    func answer(to request: MigrationRequest) -> Result<Void, MigrationProblem>? {
        switch self {
        case .source(let machine): machine.answer(to: request)
        case .destination(let machine): machine.answer(to: request)
        }
    }

    /// There is nothing left to do, and nothing under way.
    var isOver: Bool {
        switch self {
        case .source(let machine):
            machine.phase.isEnd && machine.isOver && machine.agenda.underWay.isEmpty
        case .destination(let machine):
            machine.phase.isEnd && machine.phase != .void && machine.agenda.underWay.isEmpty
        }
    }
}

extension Machine {
    var phase: Phase {
        switch self {
        case .source(let machine): machine.phase
        case .destination(let machine): machine.phase
        }
    }

    /// Why it is given up; nil unless it is.
    var cause: JSONValue? {
        switch self {
        case .source(let machine): machine.abort?.cause
        case .destination(let machine): machine.failure
        }
    }

    /// What clients wait to see a change of, in one number.
    var fingerprint: Int {
        var hasher = Hasher()
        switch self {
        case .source(let machine):
            hasher.combine(machine.phase)
            hasher.combine(machine.decision)
            hasher.combine(machine.conditions)
            hasher.combine(machine.barriers)
            hasher.combine(machine.arcs.count + machine.peerArcs.count)
            hasher.combine(machine.members.map(\.destination))
            hasher.combine(machine.members.map(\.restarts))
        case .destination(let machine):
            hasher.combine(machine.phase)
            hasher.combine(machine.decision)
            hasher.combine(machine.conditions)
            hasher.combine(machine.arcs.count)
            hasher.combine(machine.epoch)
        }
        return hasher.finalize()
    }
}
