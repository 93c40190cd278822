import MigrationModel

@testable import Orchestration

/// What must hold.
extension Schedule {
    /// At every moment.
    mutating func checkRules() {
        for place in here.indices {
            note(here[place].runsImage && there[place].runsImage, "image \(place) runs twice")
            let isSafe = here[place].isCopy || there[place].isCopy || spoiled.contains(place)
            note(!isSafe, "no copy of image \(place) is left")
        }
        note(
            here.contains(where: \.runsImage) && there.contains(where: \.runsImage),
            "a group runs in two places")
        let sourceSteps = hasOperator ? Self.resolvedSteps : Self.sourceSteps
        note(!Self.isAllowed(source.journal, sourceSteps), "a step of the source's journal")
        note(
            !Self.isAllowed(destination.journal, Self.destinationSteps),
            "a step of the destination's journal")
    }

    /// What may follow what, as in Tests/Model/handover.pml: decisions only.
    private static let sourceSteps: [Record.Kind?: [Record.Kind]] = [
        nil: [.committed, .aborting], .committed: [.lettingGo, .aborting],
        .aborting: [.aborted], .lettingGo: [.completed],
    ]
    /// The same, with operators: they give up what is held, and take over what the source then obeys.
    private static let resolvedSteps = sourceSteps.merging([
        nil: [.committed, .aborting, .lettingGo], .aborting: [.aborted, .lettingGo, .committed],
    ]) { $1 }
    private static let destinationSteps: [Record.Kind?: [Record.Kind]] = [
        nil: [.prepared, .discarded], .prepared: [.running, .void, .discarded],
        .running: [.completed, .void], .void: [.discarded],
    ]

    private static func isAllowed(
        _ journal: [Record], _ steps: [Record.Kind?: [Record.Kind]]
    ) -> Bool {
        var last: Record.Kind?
        for kind in journal.map(\.kind) where kind.isDecision {
            guard steps[last]?.contains(kind) ?? false else { return false }
            last = kind
        }
        return true
    }

    private func isStuck(_ place: Int) -> Bool {
        guard case .source(let machine)? = source.machine else { return false }
        return machine.members[place].isStuck
    }

    /// What is wrong with how it has ended; nil if it is one of the ends.
    var wrongEnd: String? {
        if hasOperator { return wrongResolution }
        let ours = source.machine?.phase ?? .pending
        let theirs = destination.machine?.phase
        let ends = "it ended as \(ours.rawValue) and \(theirs?.rawValue ?? "nothing")"
        let hasRun = plan.options.finalState == .running
        switch ours {
        case .completed:
            let isThere = there.indices.allSatisfy { place in
                let isRight = there[place].content != .blank && (there[place].runsImage || !hasRun)
                return isRight || spoiled.contains(place)
            }
            let isOver = theirs == .completed && !here.contains(where: \.runsImage)
            return isThere && isOver ? nil : "\(ends), and not everything runs there"
        case .failed, .cancelled:
            // A device that refuses again and again is left where it stands, with its image.
            let isBack = here.indices.allSatisfy { place in
                here[place].runsImage || spoiled.contains(place)
                    || isStuck(place) && here[place].isCopy
            }
            let isGone = there.allSatisfy { $0.content == .blank && $0.state == .running }
            let isKnown = theirs == nil || theirs == .discarded
            return isBack && isGone && isKnown ? nil : "\(ends), and not everything is back"
        case .committed where client == nil || theirs != .holding: return ends
        case .inDoubt, .holding, .committed:
            if spoiled.isEmpty && !mayHold { return "\(ends), and nobody has spoiled anything" }
            let isStill = !here.contains(where: \.runsImage) || !there.contains(where: \.runsImage)
            return isStill ? nil : "\(ends), and both run"
        default:
            var why = ""
            if case .source(let machine)? = source.machine {
                why = machine.policy.assess(at: machine.now).verdict
            }
            return "\(ends): \(why)"
        }
    }
}
