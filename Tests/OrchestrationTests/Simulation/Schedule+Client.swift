import MigrationModel

@testable import Orchestration

/// A client that coordinates: it moves devices and images by itself, and has the source's agent decide. It
/// remembers nothing over its death, and goes by the source's record then.
struct Coordinator {
    /// What comes next, as long as nothing goes wrong.
    var way: [Step]
    /// What it waits to be answered.
    var awaited: Call?
    /// It does not go on, and takes back what is not decided.
    var givesUp = false
    /// Grows with its deaths.
    var life = 0

    enum Step {
        case call(Call)
        case quiesce(Int)
        case stop(Int)
        case send(Int)
        case commit
        case seeDecision
    }

    init(devices: Int) {
        let places = 0..<devices
        let images = Images(uniqueKeysWithValues: places.map { (name("b", $0), .whole) })
        way = [.call(.open)] + places.map { .call(.enter(name("b", $0))) }
        way += places.map(Step.quiesce) + places.map(Step.stop) + places.map(Step.send)
        way += [.call(.prepare(images)), .commit, .seeDecision]
    }
}

extension Schedule {
    /// The client's turn: it looks at the source's record, and does what follows.
    mutating func turn(_ life: Int) {
        guard let client, client.life == life, client.awaited == nil else { return }
        guard case .source(let machine)? = source.machine else { return wait() }
        switch machine.phase {
        case .completed: return
        case .failed, .cancelled: call(.discard)
        case .committed, .runningDestination: call(.run)
        case .pending where client.givesUp:
            ask(.source, .cancel)
            wait()
        case .pending: goOn()
        default: wait()
        }
    }

    private mutating func goOn() {
        guard let step = client?.way.first else { return wait() }
        switch step {
        case .call(let call): return self.call(call)
        case .quiesce(let place):
            let quiesced: MigrationState =
                here[place].features.contains(.preCopy) ? .preCopyP2P : .runningP2P
            move(place, quiesced)
        case .stop(let place): move(place, .stopCopy)
        case .send(let place):
            let isReady = here[place].state == .stopCopy && there[place].state == .resuming
            isReady ? send(place) : giveUp()
        case .commit: ask(.source, .commit)
        case .seeDecision:
            guard case .failure? = source.machine?.answer(to: .commit) else { return wait() }
            giveUp()
        }
        if client?.givesUp == false { client?.way.removeFirst() }
        wait()
    }

    /// Takes a device of the source to a state; the network may repeat something older, much later.
    private mutating func move(_ place: Int, _ state: MigrationState) {
        if here[place].enter(state) != nil { giveUp() }
        if isRough && dice.oneIn(6) {
            schedule(.comesLate(place, .running), in: dice.milliseconds(50...3000))
        }
    }

    /// A request of the client's that somebody has held up.
    mutating func comesLate(_ place: Int, _ state: MigrationState) {
        guard let machine = source.machine, !machine.phase.isEnd, !source.isSealed else { return }
        log("the client has asked source \(place) for \(state)")
        _ = here[place].enter(state)
    }

    private mutating func giveUp() {
        client?.givesUp = true
    }

    private mutating func wait() {
        guard let client else { return }
        schedule(.clientsTurn(client.life), in: dice.milliseconds(5...300))
    }

    private mutating func call(_ call: Call) {
        guard let client else { return }
        log("the client asks the destination to \(call)")
        self.client?.awaited = call
        send(call, epoch: plan.epoch, life: client.life)
    }

    /// The destination has answered the client, or nobody has.
    mutating func clientHears(_ call: Call, _ outcome: Outcome, _ life: Int) {
        guard client?.life == life, client?.awaited == call else { return }
        log("the client hears of \(call): \(outcome)")
        client?.awaited = nil
        switch (call, outcome) {
        case (.discard, .answered): return
        case (.discard, _), (.run, .unanswered), (.run, .denied): break
        case (.run, .answered(let record)):
            if record?.phase == Phase.completed.rawValue { ask(.source, .finish) }
            if record?.phase == Phase.void.rawValue { ask(.source, .void) }
        case (_, .answered): client?.way.removeFirst()
        case (_, .unanswered) where dice.oneIn(2): break
        default: giveUp()
        }
        wait()
    }

    /// The client dies, and comes back.
    mutating func killClient() {
        guard client != nil else { return }
        log("the client dies")
        client?.life += 1
        client?.awaited = nil
        giveUp()
        schedule(.clientsTurn(client?.life ?? 0), in: dice.milliseconds(10...4000))
    }
}
