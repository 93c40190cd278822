import MigrationModel

@testable import Orchestration

extension Schedule {
    /// Something goes wrong, or somebody interferes.
    mutating func mishap() {
        let place = dice.below(here.count)
        switch dice.below(12) {
        case 0, 1: crash(.source, dice.oneIn(3) ? .host : .agent)
        case 2, 3: crash(.destination, dice.oneIn(3) ? .host : .agent)
        case 4:
            here[place].refusals.append(dice.oneIn(2) ? .busy : .failed)
            mayHold = true
        case 5:
            there[place].refusals.append(dice.oneIn(2) ? .busy : .failed)
            mayHold = true
        case 6 where dice.oneIn(3):
            guard case .image = there[place].content else { return }
            log("destination \(place) goes to ERROR")
            excuse(.destination, place)
            // What has run there breaks as any device may.
            if there[place].runsImage { spoiled.insert(place) }
            there[place].fail()
        case 6:
            log("source \(place) goes to ERROR")
            excuse(.source, place)
            here[place].fail()
        case 7:
            log("the guest resets source \(place)")
            if here[place].content != .blank { spoiled.insert(place) }
            here[place].reset()
        case 8:
            guard case .image = there[place].content, !there[place].runsImage else { return }
            log("somebody resets destination \(place)")
            excuse(.destination, place)
            there[place].reset()
        case 9: ask(.source, [.cancel, .switchover][dice.below(2)])
        case 10 where client != nil: killClient()
        case 10:
            let year = Duration.seconds(365 * 86_400)
            change(dice.oneIn(2) ? .source : .destination) { $0.skew += year }
        default:
            change(dice.oneIn(2) ? .source : .destination) { $0.isDiskFull.toggle() }
        }
    }

    /// A device is about to lose what it has: nobody's fault, unless another copy was promised.
    mutating func excuse(_ role: MigrationPlan.Role, _ place: Int) {
        switch role {
        case .source:
            guard here[place].content != .blank else { return }
            // What ran again since is nowhere else.
            let runsAgain =
                source.journal.contains { $0.kind == .aborting } && here[place].runsImage
            // What the destination has not written down yet it has not promised.
            let isSafe = there[place].isCopy && destination.hasPrepared
            if !isSafe || runsAgain { spoiled.insert(place) }
        case .destination:
            guard there[place].content != .blank else { return }
            // What was left in STOP on purpose is its owner's from the grant on; and without an agent that
            // sees it, what is reset from then on looks like what runs.
            let isUnseen = plan.options.finalState == .stop || !destination.isUp
            let isOver = destination.isGranted && isUnseen || destination.hasCompleted
            if isOver || !here[place].isCopy { spoiled.insert(place) }
        }
        mayHold = true
    }

    mutating func ask(_ role: MigrationPlan.Role, _ request: MigrationRequest) {
        log("a client asks the \(role.rawValue) to \(request)")
        guard var machine = agent(role).machine else { return }
        try? machine.request(request)
        change(role) { $0.machine = machine }
        work(role)
    }

    enum Death {
        /// Its devices outlive it, unless nobody else holds them; what it wrote is there.
        case agent
        /// With the host the devices' states end, and what was not forced to the disk may be gone.
        case host
    }

    /// Kills an agent, with its host or without. What it had under way was done, or was not.
    mutating func crash(_ role: MigrationPlan.Role, _ death: Death) {
        log("the \(role.rawValue)'s \(death) dies")
        if agent(role).isUp { end(role) }
        if role == .destination && destination.isGranted {
            // Nobody is left who could tell what was reset from what runs.
            spoiled.formUnion(there.indices.filter { there[$0].content == .blank })
        }
        if death == .host { loseUnforced(role) }
        for place in here.indices {
            if death == .host || isSoleHolder {
                excuse(role, place)
                role == .source ? here[place].reset() : there[place].reset()
            }
            role == .source ? here[place].loseSession() : there[place].loseSession()
        }
    }

    private mutating func end(_ role: MigrationPlan.Role) {
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
        if role == .destination { waiting = [] }
        schedule(.restart(role), in: dice.milliseconds(10...4000))
    }

    /// The host has ended: a new boot, and the last records are gone as far as nothing after them was
    /// forced.
    private mutating func loseUnforced(_ role: MigrationPlan.Role) {
        var lost = 0
        let journal = agent(role).journal
        let unforced = journal.reversed().prefix { !$0.isForced }.count
        if unforced > 0 { lost = dice.below(unforced + 1) }
        change(role) { agent in
            agent.boot += 1
            agent.journal.removeLast(lost)
        }
    }

    /// Starts an agent again, on what is on its disk.
    mutating func restart(_ role: MigrationPlan.Role) {
        guard !agent(role).isUp else { return }
        log("the \(role.rawValue)'s agent starts again")
        let now = time(role)
        let journal = agent(role).journal
        change(role) { agent in
            agent.isUp = true
            agent.isSealed = true
        }
        guard !journal.isEmpty else { return }
        let replay = JournalReplay(journal)
        if replay.isOpen && !agent(role).isDiskFull {
            change(role) { $0.journal.append(Record(.resumed)) }
        }
        switch role {
        case .source:
            var machine = SourceMachine(
                plan, here.map(\.features), epoch: plan.epoch + replay.starts, isRestarted: true,
                at: now)
            machine.takeUp(
                replay, isSameBoot: source.isSameBoot,
                losesState: here.map { _ in isSoleHolder || !source.isSameBoot })
            source.machine = .source(machine)
        case .destination:
            var plan = plan
            plan.role = .destination
            var machine = DestinationMachine(
                plan, members, epoch: plan.epoch, isRestarted: true, at: now)
            machine.takeUp(replay)
            destination.machine = .destination(machine)
        }
        work(role)
    }
}
