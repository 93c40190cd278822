import MigrationModel

@testable import Orchestration

/// Operators, who keep their word: the other side is fenced.
extension Schedule {
    /// An operator looks at a migration; where it is stuck the other host is switched off, and it is decided
    /// here. The other host comes back later.
    mutating func operate(_ role: MigrationPlan.Role) {
        guard agent(role).machine?.isStuck ?? false else { return }
        crash(role == .source ? .destination : .source, .host)
        hasOperator = true
        mayHold = true
        let action: MigrationRequest.Resolution = dice.oneIn(3) ? .giveUp : .takeOver
        if action == .giveUp {
            // What is given up is nobody's loss.
            spoiled.formUnion(here.indices)
        }
        ask(role, .resolve(action, reason: "the other host is off"))
    }

    /// What is left of a request to open that came after the source's end: claims and no image, until
    /// somebody gives them up.
    private var hasOpenedAfterTheEnd: Bool {
        source.machine?.phase == .completed && destination.machine?.phase == .copying
            && there.allSatisfy { $0.content == .blank }
    }

    /// What is wrong with an end that an operator had a part in; nil if nothing is.
    var wrongResolution: String? {
        for (role, machine) in [("source", source.machine), ("destination", destination.machine)] {
            guard let machine, !machine.phase.isEnd, !machine.isStuck else { continue }
            if role == "destination" && hasOpenedAfterTheEnd { continue }
            return "after an operator's word the \(role) is \(machine.phase.rawValue)"
        }
        return nil
    }
}

extension Machine {
    /// It needs somebody's word.
    fileprivate var isStuck: Bool {
        if case .source(let machine) = self, machine.plan.coordinator == .client {
            return phase == .holding || phase == .committed
        }
        return phase == .inDoubt || phase == .holding || phase == .prepared
    }
}
