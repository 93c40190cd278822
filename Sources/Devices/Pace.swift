/// Spreads a stream evenly over time: after each piece the next one is due when that many bytes have
/// had their time. Who comes a moment late catches up; who stalls does not.
struct Pace: Sendable {
    private let bytesPerSecond: UInt64
    private var due: ContinuousClock.Instant

    init(bytesPerSecond: UInt64, now: ContinuousClock.Instant) {
        self.bytesPerSecond = max(1, bytesPerSecond)
        due = now
    }

    // A tenth of a second is even when ten pieces fit in.
    var largestPiece: Int {
        Int(clamping: max(1, bytesPerSecond / 100))
    }

    // Threads wake up a millisecond or two late, for every piece.
    private static let mostCaughtUp = Duration.milliseconds(20)

    func wait(from now: ContinuousClock.Instant) -> Duration {
        max(.zero, due - now)
    }

    mutating func moved(_ count: Int, at now: ContinuousClock.Instant) {
        due = max(due, now - Self.mostCaughtUp) + .seconds(Double(count) / Double(bytesPerSecond))
    }
}
