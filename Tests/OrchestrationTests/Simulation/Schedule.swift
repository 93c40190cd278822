import Devices
import JSON
import MigrationModel
import SystemPackage

@testable import Orchestration

/// One order of events, made from one number: two agents, a network, two disks, two clocks, and whatever
/// goes wrong with them.
struct Schedule {
    var dice: Dice
    var now = Duration.zero
    var queue: [Entry] = []
    var count = 0
    /// What happened, if anybody wants to read it.
    var trace: [String] = []
    let isTraced: Bool
    var source = Agent()
    var destination = Agent()
    var here: [ModelDevice]
    var there: [ModelDevice]
    var plan: MigrationPlan
    /// Requests that wait for the destination's machine.
    var waiting: [(request: MigrationRequest, call: Call, life: Int)] = []
    var hasTombstone = false
    /// Who coordinates, if that is not the source's agent.
    var client: Coordinator?
    /// Nobody but the agents keeps the devices alive.
    let isSoleHolder: Bool
    /// Faults may happen.
    var isRough = true
    /// Images that hardware, a guest or an operator has spoiled: their loss is nobody's fault.
    var spoiled: Set<Int> = []
    /// A device has refused to move: if others did move, an operator is needed.
    var mayHold = false
    /// An operator has decided something.
    var hasOperator = false
    /// A rule was broken: the first one.
    var violation: String?

    /// What is up, what it has on disk, and what its clock says.
    struct Agent {
        var machine: Machine?
        var journal: [Record] = []
        /// Grows with every start: what an earlier one began comes too late.
        var life = 0
        var isUp = true
        var isDiskFull = false
        /// Its devices are moved by itself alone.
        var isSealed = false
        var skew = Duration.zero
        /// Which start of its host this is, and in which one the migration began.
        var boot = 0
        var firstBoot = 0

        var isSameBoot: Bool { boot == firstBoot }

        var hasPrepared: Bool {
            let decision = journal.last { $0.kind.isDecision }?.kind
            return decision == .prepared || decision == .running || decision == .completed
        }

        /// The intent to run is on its disk.
        var isGranted: Bool {
            journal.contains { $0.kind == .running }
        }

        var hasCompleted: Bool {
            journal.contains { $0.kind == .completed }
        }
    }

    /// An event, and when it comes; those of one moment in the order in which they were made.
    struct Entry {
        let at: Duration
        let number: Int
        let event: Event

        func isBefore(_ other: Entry) -> Bool {
            (at, number) < (other.at, other.number)
        }
    }

    enum Event {
        case wake(MigrationPlan.Role)
        case done(MigrationPlan.Role, life: Int, Step)
        case arrives(Call, epoch: UInt64, life: Int)
        case answered(Call, Outcome, life: Int)
        case restart(MigrationPlan.Role)
        case operatorLooks(MigrationPlan.Role)
        case clientsTurn(Int)
        case comesLate(Int, MigrationState)
        case mishap
    }

    init(seed: UInt64, isTraced: Bool = false) {
        dice = Dice(seed)
        self.isTraced = isTraced
        let devices = 1 + dice.below(3)
        var here: [ModelDevice] = []
        for place in 0..<devices {
            let features: MigrationFeatures =
                dice.oneIn(4) ? [.stopCopy, .p2p] : [.stopCopy, .p2p, .preCopy]
            here.append(ModelDevice(features: features, content: .image(place)))
        }
        self.here = here
        there = here.map { ModelDevice(features: $0.features, content: .blank) }
        let pairs = (0..<devices).map { place in
            MigrationPlan.Pair(source: name("a", place), destination: name("b", place))
        }
        plan = MigrationPlan(
            id: name("m", 1), role: .source, devices: pairs,
            destination: MigrationPlan.Destination(url: "http://there"), request: .null)
        plan.options.mode = dice.oneIn(4) ? .stopCopy : .preCopy
        plan.options.finalState = dice.oneIn(6) ? .stop : .running
        plan.options.sourceAfter = [.reset, .stop, .reset][dice.below(3)]
        plan.options.maxDowntime = .seconds(1 + dice.below(60))
        isSoleHolder = dice.oneIn(4)
        if dice.oneIn(4) {
            plan.coordinator = .client
            client = Coordinator(devices: devices)
        }
    }

    // MARK: The course of events

    /// Runs it to its end; answers what was wrong with it, if anything was.
    mutating func run() -> String? {
        source.journal = [Record(.opened)]
        let machine = SourceMachine(plan, here.map(\.features), at: time(.source))
        source.machine = .source(machine)
        schedule(.wake(.source), in: .zero)
        if client != nil { schedule(.clientsTurn(0), in: .zero) }
        for _ in 0..<dice.below(8) { schedule(.mishap, in: dice.milliseconds(0...3000)) }
        for _ in 0..<dice.below(4) {
            let role: MigrationPlan.Role = dice.oneIn(2) ? .source : .destination
            schedule(.operatorLooks(role), in: dice.milliseconds(0...18_000))
        }
        let calm = Duration.seconds(20)
        var steps = 0
        while let place = queue.indices.min(by: { queue[$0].isBefore(queue[$1]) }) {
            let next = queue.remove(at: place)
            now = max(now, next.at)
            if now > calm && isRough { calmDown() }
            if now > .seconds(600) { break }
            steps += 1
            if steps > 60_000 { return "it does not come to rest" }
            handle(next.event)
            checkRules()
            if let violation { return violation }
        }
        return wrongEnd
    }

    /// From here on nothing goes wrong any more.
    private mutating func calmDown() {
        isRough = false
        source.isDiskFull = false
        destination.isDiskFull = false
        for place in here.indices {
            here[place].refusals = []
            there[place].refusals = []
        }
        if !source.isUp { restart(.source) }
        if !destination.isUp { restart(.destination) }
    }

    private mutating func handle(_ event: Event) {
        switch event {
        case .wake(let role): work(role)
        case .done(let role, let life, let step):
            guard agent(role).life == life else { return }
            let outcome = perform(step, role)
            // A stream that waits for its device goes on.
            guard let outcome else {
                return schedule(event, in: dice.milliseconds(20...120))
            }
            tell(role, step, outcome)
        case .arrives(let call, let epoch, let life): arrives(call, epoch, life)
        case .answered(let call, let outcome, let life) where client != nil:
            clientHears(call, outcome, life)
        case .answered(let call, let outcome, let life):
            guard source.life == life else { return }
            if case .source(let machine)? = source.machine,
                machine.agenda.underWay.contains(.ask(call))
            {
                tell(.source, .ask(call), outcome)
            }
        case .restart(let role): restart(role)
        case .operatorLooks(let role): operate(role)
        case .clientsTurn(let life): turn(life)
        case .comesLate(let place, let state): comesLate(place, state)
        case .mishap: if isRough { mishap() }
        }
    }

    /// Asks a machine what there is to do.
    mutating func work(_ role: MigrationPlan.Role) {
        guard var machine = agent(role).machine else { return }
        let (steps, wake) = machine.next(at: time(role))
        change(role) { $0.machine = machine }
        // The order in which steps are begun is theirs, and no set's.
        for step in steps { begin(step, role) }
        if let wake { schedule(.wake(role), in: max(.milliseconds(1), wake - time(role))) }
        if role == .destination { answerWaiting() }
    }

    private mutating func begin(_ step: Step, _ role: MigrationPlan.Role) {
        let life = agent(role).life
        if !step.isSample { log("\(role.rawValue) begins \(step)") }
        guard case .ask(let call) = step else {
            let slow = step.isLocal ? 0...20 : 5...100
            return schedule(.done(role, life: life, step), in: dice.milliseconds(slow))
        }
        guard case .source(let machine)? = source.machine else { return }
        send(call, epoch: machine.epoch, life: life)
    }

    /// Sends a request to the destination. It may be lost, and come twice.
    mutating func send(_ call: Call, epoch: UInt64, life: Int) {
        let arrival = Event.arrives(call, epoch: epoch, life: life)
        let isLost = isRough && dice.oneIn(8)
        if !isLost { schedule(arrival, in: dice.milliseconds(0...30)) }
        // The network repeats it, much later.
        if isRough && dice.oneIn(10) { schedule(arrival, in: dice.milliseconds(50...9000)) }
        // Nobody waits for ever.
        schedule(.answered(call, .unanswered("it took too long"), life: life), in: .seconds(3))
    }

    mutating func tell(_ role: MigrationPlan.Role, _ step: Step, _ outcome: Outcome) {
        if !step.isSample { log("\(role.rawValue) hears of \(step): \(outcome)") }
        let now = time(role)
        change(role) { $0.machine?.ended(step, outcome, at: now) }
        work(role)
    }

    // MARK: Small things

    mutating func schedule(_ event: Event, in delay: Duration) {
        count += 1
        queue.append(Entry(at: now + delay, number: count, event: event))
    }

    func agent(_ role: MigrationPlan.Role) -> Agent {
        role == .source ? source : destination
    }

    mutating func change(_ role: MigrationPlan.Role, _ body: (inout Agent) -> Void) {
        if role == .source { body(&source) } else { body(&destination) }
    }

    func time(_ role: MigrationPlan.Role) -> Duration {
        now + agent(role).skew
    }

    /// A rule that holds at every moment.
    mutating func note(_ isBroken: Bool, _ rule: String) {
        if isBroken && violation == nil { violation = rule }
    }

    mutating func log(_ line: @autoclosure () -> String) {
        if isTraced { trace.append("\(now) \(line())") }
    }
}

/// An id of a letter and a number.
func name<Thing>(_ letter: String, _ number: Int) -> Identifier<Thing> {
    guard let id = Identifier<Thing>("\(letter)\(number)") else { preconditionFailure() }
    return id
}

extension Step {
    /// There are too many of them to be read.
    fileprivate var isSample: Bool {
        if case .sample = self { true } else { false }
    }
}
