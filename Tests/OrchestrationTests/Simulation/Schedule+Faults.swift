import MigrationModel

@testable import Orchestration

extension Schedule {
    /// Something goes wrong, or somebody interferes.
    mutating func mishap() {
        let place = dice.below(here.count)
        switch dice.below(12) {
        case 0, 1: crash(.source)
        case 2, 3: crash(.destination)
        case 4:
            here[place].refusals.append(dice.oneIn(2) ? .busy : .failed)
            mayHold = true
        case 5:
            there[place].refusals.append(dice.oneIn(2) ? .busy : .failed)
            mayHold = true
        case 6:
            log("source \(place) goes to ERROR")
            // Hardware may take the last copy; where there is another one, that has to be kept.
            // What ran again since is nowhere else.
            let runsAgain =
                source.journal.contains { $0.kind == .aborting } && here[place].runsImage
            // What the destination has not written down yet it has not promised.
            let isSafe = there[place].isCopy && destination.hasPrepared
            if !isSafe || runsAgain { spoiled.insert(place) }
            mayHold = true
            here[place].fail()
        case 7:
            log("the guest resets source \(place)")
            if here[place].content != .blank { spoiled.insert(place) }
            here[place].reset()
        case 8:
            guard case .image = there[place].content, !there[place].runsImage else { return }
            log("somebody resets destination \(place)")
            // What was left in STOP on purpose is its owner's from the grant on.
            let isGranted = destination.journal.contains { $0.kind == .running }
            let isOver = isGranted && plan.options.finalState == .stop || destination.hasCompleted
            if isOver || !here[place].isCopy { spoiled.insert(place) }
            there[place].reset()
        case 9: ask(.source, [.cancel, .switchover][dice.below(2)])
        case 10:
            let year = Duration.seconds(365 * 86_400)
            change(dice.oneIn(2) ? .source : .destination) { $0.skew += year }
        default:
            change(dice.oneIn(2) ? .source : .destination) { $0.isDiskFull.toggle() }
        }
    }

    private mutating func ask(_ role: MigrationPlan.Role, _ request: MigrationRequest) {
        log("a client asks the \(role.rawValue) to \(request)")
        guard var machine = agent(role).machine else { return }
        try? machine.request(request)
        change(role) { $0.machine = machine }
        work(role)
    }

    /// Kills an agent. What it had under way was done, or was not.
    private mutating func crash(_ role: MigrationPlan.Role) {
        guard agent(role).isUp else { return }
        log("the \(role.rawValue)'s agent dies")
        let life = agent(role).life
        for entry in queue.sorted(by: { $0.number < $1.number }) {
            guard case .done(let owner, let itsLife, let step) = entry.event, owner == role,
                itsLife == life, step.isLocal, dice.oneIn(2)
            else { continue }
            log("... having done \(step)")
            _ = perform(step, role)
        }
        change(role) { agent in
            agent.machine = nil
            agent.isUp = false
            agent.life += 1
        }
        if role == .destination {
            waiting = []
            isSealed = false
            for place in there.indices { there[place].loseSession() }
        } else {
            for place in here.indices { here[place].loseSession() }
        }
        schedule(.restart(role), in: dice.milliseconds(10...4000))
    }

    /// Starts an agent again, on what is on its disk.
    mutating func restart(_ role: MigrationPlan.Role) {
        guard !agent(role).isUp else { return }
        log("the \(role.rawValue)'s agent starts again")
        let now = time(role)
        let journal = agent(role).journal
        change(role) { $0.isUp = true }
        guard !journal.isEmpty else { return }
        let story = Story(journal)
        if story.isOpen && !agent(role).isDiskFull {
            change(role) { $0.journal.append(Record(.resumed)) }
        }
        switch role {
        case .source:
            var machine = SourceMachine(
                plan, here.map(\.features), epoch: plan.epoch + story.starts, isRestarted: true,
                at: now)
            machine.takeUp(story, isSameBoot: true)
            source.machine = .source(machine)
        case .destination:
            var plan = plan
            plan.role = .destination
            var machine = DestinationMachine(
                plan, guests, epoch: plan.epoch, isRestarted: true, at: now)
            machine.takeUp(story)
            for place in machine.guests.indices where machine.guests[place].image != nil {
                machine.guests[place].image = Image(
                    device: name("b", place), bytes: 1000, sha256: "right")
            }
            destination.machine = .destination(machine)
        }
        work(role)
    }

    // MARK: What must hold

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
        note(!Self.isAllowed(source.journal, Self.sourceSteps), "a step of the source's journal")
        note(
            !Self.isAllowed(destination.journal, Self.destinationSteps),
            "a step of the destination's journal")
    }

    /// What may follow what, as in Tests/Model/handover.pml: decisions only.
    private static let sourceSteps: [Record.Kind?: [Record.Kind]] = [
        nil: [.committed, .aborting], .committed: [.lettingGo, .aborting],
        .aborting: [.aborted], .lettingGo: [.completed],
    ]
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

    /// What is wrong with how it has ended; nil if it is one of the ends.
    var wrongEnd: String? {
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
            let isBack = here.indices.allSatisfy { here[$0].runsImage || spoiled.contains($0) }
            let isGone = there.allSatisfy { $0.content == .blank && $0.state == .running }
            let isKnown = theirs == nil || theirs == .discarded
            return isBack && isGone && isKnown ? nil : "\(ends), and not everything is back"
        case .inDoubt, .holding:
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
