public import Devices
internal import JSON
internal import Logging
internal import MigrationModel
public import SystemCalls
internal import SystemPackage

/// A migration of this agent: its machine, and the thread that does what the machine wants.
///
/// Steps run side by side on threads of their own, because every one of them may block: on a driver, on
/// the network, on the disk. The machine is told what came of each, and is asked again.
public final class Migration: Sendable {
    /// What was asked.
    public let plan: MigrationPlan
    /// When it was begun, for display.
    public let createdAt: Timestamp
    /// The key that its request came with.
    let idempotencyKey: String?
    /// The devices that still had the image when the journal was read: nobody runs them again.
    let kept: [DeviceIdentifier]
    private let contents: Locked<Contents>
    private let world: AgentWorld

    struct Contents: Sendable {
        var machine: Machine
        /// Grows with everything but the numbers of bytes.
        var generation: UInt64
        var fingerprint: Int
        var endedAt: Timestamp?
        /// Steps have ended, or something was asked, since the machine was asked last.
        var isDirty = true
        /// The agent ends: nothing new is begun.
        var isEnding = false

        mutating func nextWork(at now: Duration) -> Work {
            isDirty = false
            if isEnding { return Work(steps: [], wake: nil, isOver: true) }
            let (steps, wake) = machine.next(at: now)
            return Work(steps: steps, wake: wake, isOver: machine.isOver && steps.isEmpty)
        }
    }

    /// What is to be begun now, and when there is more to do.
    struct Work {
        let steps: [Step]
        let wake: Duration?
        let isOver: Bool
    }

    init(
        _ plan: MigrationPlan, _ machine: Machine, _ world: AgentWorld, key: String?,
        createdAt: Timestamp, endedAt: Timestamp? = nil,
        kept: [DeviceIdentifier] = [], generation: UInt64 = 1
    ) {
        self.plan = plan
        self.kept = kept
        self.world = world
        self.createdAt = createdAt
        idempotencyKey = key
        contents = Locked(
            Contents(
                machine: machine, generation: generation, fingerprint: machine.fingerprint,
                endedAt: endedAt))
    }

    /// Its devices on this side.
    var localDevices: [DeviceIdentifier] {
        plan.devices.map { plan.role == .source ? $0.source : $0.destination ?? $0.source }
    }

    /// What its devices are marked with once their images are another's.
    var mark: HandedOver {
        HandedOver(migration: id, destination: plan.destination?.url ?? "", at: .now)
    }

    /// Its name.
    public var id: MigrationIdentifier { plan.id }

    // MARK: What it does

    /// Begins to do what there is to do; `EAGAIN` when the system has no room for a thread.
    func start() throws(Errno) {
        try Thread(name: "migration") { self.run() }.detach()
    }

    private func run() {
        while true {
            let work = change { $0.nextWork(at: world.now) }
            // What does not wait for the network goes on right here: in the stop every thread that has to
            // be started and woken counts.
            let own = work.steps.last { $0.isLocal }
            for step in work.steps where step != own { begin(step) }
            if let own {
                end(own, world.perform(own, for: self))
                continue
            }
            if work.isOver { return }
            let pause = work.wake.map { max(.zero, $0 - world.now) } ?? .seconds(60)
            _ = contents.wait(until: .now + pause) { $0.isDirty || $0.isEnding ? true : nil }
        }
    }

    private func begin(_ step: Step) {
        do throws(Errno) {
            try Thread(name: "step") { [self] in
                let outcome = world.perform(step, for: self)
                end(step, outcome)
            }.detach()
        } catch {
            // No room for a thread: whatever it was, it was not done.
            end(step, world.notBegun(step, error))
        }
    }

    private func end(_ step: Step, _ outcome: Outcome) {
        change { contents in
            contents.machine.ended(step, outcome, at: world.now)
            contents.isDirty = true
        }
    }

    private func change<Result, Failure: Error>(
        _ event: (inout Contents) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try contents.change { contents throws(Failure) in
            let before = contents.machine.phase
            defer {
                let fingerprint = contents.machine.fingerprint
                if fingerprint != contents.fingerprint {
                    contents.fingerprint = fingerprint
                    contents.generation += 1
                }
                let phase = contents.machine.phase
                if phase != before {
                    let why = phase == .aborting ? contents.machine.cause : nil
                    let because = (why?["detail"]?.text).map { ": \($0)" } ?? ""
                    world.log.info("\(id): \(before.rawValue) -> \(phase.rawValue)\(because)")
                }
                if phase.isEnd && contents.endedAt == nil { contents.endedAt = .now }
            }
            return try event(&contents)
        }
    }

    /// Where a device's image goes, once that is known.
    func destination(of place: Int) -> DeviceIdentifier? {
        contents.withLock { contents in
            if case .source(let machine) = contents.machine {
                machine.members[place].destination
            } else {
                nil
            }
        }
    }

    /// How far the image of a destination's device is; nil where none is on its way.
    func progress(of member: DestinationMember) -> MigrationView.Progress? {
        (member.image?.bytes ?? world.bytesTaken(by: member.device)).map { bytes in
            MigrationView.Progress(bytes: bytes)
        }
    }

    // MARK: What is asked of it

    /// Asks for something, and waits until it is known what came of that, or time runs out.
    ///
    /// What was begun goes on in any case; asking again is safe.
    public func request(
        _ request: MigrationRequest, until deadline: ContinuousClock.Instant
    ) throws(MigrationProblem) -> MigrationView {
        try change { contents throws(MigrationProblem) in
            try contents.machine.request(request)
            contents.isDirty = true
        }
        let answer = contents.wait(until: deadline) { contents in
            contents.isEnding ? .success(()) : contents.machine.answer(to: request)
        }
        try answer?.get()
        return view
    }

    /// Everything that is known of it.
    public var view: MigrationView {
        contents.withLock { MigrationView(self, $0, at: world.now) }
    }

    /// The same, once its generation is above a number, or when time runs out.
    public func view(
        above generation: UInt64, until deadline: ContinuousClock.Instant,
        watch: ConnectionWatch
    ) -> MigrationView {
        while ContinuousClock.now < deadline, !watch.isGone {
            let slice = min(deadline, .now + ConnectionWatch.interval)
            let isNew = contents.wait(until: slice) { contents in
                contents.generation > generation || contents.isEnding ? true : nil
            }
            if isNew != nil { break }
        }
        return view
    }

    /// Begins nothing new, because the agent ends; what is on disk says how it goes on.
    func endWork() {
        contents.change { $0.isEnding = true }
        world.cutAll()
    }

    /// How fast its streams were, all together; nil where nothing has moved.
    var measuredRate: UInt64? {
        contents.withLock { contents in
            if case .source(let machine) = contents.machine {
                machine.policy.assess(at: world.now).estimate.bytesPerSecond
            } else {
                nil
            }
        }
    }

    /// It has come to its end and everybody knows.
    var isOver: Bool {
        contents.withLock { $0.machine.isOver }
    }

    /// It has come to its end.
    var hasEnded: Bool {
        contents.withLock { $0.machine.phase.isEnd }
    }
}
