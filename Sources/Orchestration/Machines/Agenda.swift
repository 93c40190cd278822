/// How often a step is tried; between two tries lie 50 ms, doubled up to 2 s.
enum Tries {
    /// What repetition seldom mends: a stop, a stream that begins anew, a question whose answer can be
    /// done without.
    static let few = 3
    /// What may pass by itself, in about 13 s: a peer that does not answer, a refusal that says so.
    static let some = 12
    /// Once it is decided, a device that declines is left where it stands after half a minute only.
    static let many = 20
}

/// What a machine has under way, and when it may try again what went wrong.
struct Agenda: Sendable {
    private(set) var underWay: Set<Step> = []
    private var begun: [Step] = []
    private var waits: [Step: Wait] = [:]
    private(set) var now = Duration.zero
    /// When there is something to do again, if nothing happens before.
    private(set) var wake: Duration?

    private struct Wait: Sendable {
        var until: Duration
        var failures: Int
    }

    private static let shortestWait = Duration.milliseconds(50)
    private static let longestWait = Duration.seconds(2)

    /// A new look at what there is to do.
    mutating func begin(at now: Duration) {
        self.now = now
        wake = nil
    }

    /// Wants a step done, unless it is under way, or failed a moment ago.
    mutating func want(_ step: Step) {
        if underWay.contains(step) { return }
        if let wait = waits[step], wait.until > now { return wakeUp(at: wait.until) }
        underWay.insert(step)
        begun.append(step)
    }

    /// There is something to do then.
    mutating func wakeUp(at time: Duration) {
        wake = min(wake ?? time, time)
    }

    /// The steps that are to be begun now.
    mutating func takeBegun() -> [Step] {
        defer { begun = [] }
        return begun
    }

    /// A step has come to its end, and may be done again at any time.
    mutating func ended(_ step: Step) {
        underWay.remove(step)
        waits[step] = nil
    }

    /// A step has come to its end, and is not done again for a while that is said.
    mutating func ended(_ step: Step, restingFor rest: Duration) {
        underWay.remove(step)
        waits[step] = Wait(until: now + rest, failures: 0)
    }

    /// A step has failed, and is not tried again for a while that grows; answers how often it has.
    @discardableResult
    mutating func failed(_ step: Step, at now: Duration) -> Int {
        underWay.remove(step)
        let failures = (waits[step]?.failures ?? 0) + 1
        let wait = min(Self.shortestWait * (1 << min(failures - 1, 10)), Self.longestWait)
        waits[step] = Wait(until: now + wait, failures: failures)
        return failures
    }

    /// How often a step has failed since it last went well.
    func failures(of step: Step) -> Int {
        waits[step]?.failures ?? 0
    }

    /// Some step is under way that asks a device for a change.
    var isChangingDevices: Bool {
        underWay.contains(where: \.changesDevice)
    }

    /// Some record is on its way to the disk.
    var isWriting: Bool {
        underWay.contains { if case .write = $0 { true } else { false } }
    }
}
