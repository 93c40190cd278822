/// Spreads a stream evenly over time: after each piece the next one is due when that many bytes have
/// had their time.
struct Pace: Sendable {
    private let bytesPerSecond: UInt64
    private var due: ContinuousClock.Instant

    init(bytesPerSecond: UInt64, now: ContinuousClock.Instant) {
        self.bytesPerSecond = max(1, bytesPerSecond)
        due = now
    }

    // Pieces of a 20th of a second keep every tenth of a second even.
    var largestPiece: Int {
        Int(clamping: max(1, bytesPerSecond / 20))
    }

    func wait(from now: ContinuousClock.Instant) -> Duration {
        max(.zero, due - now)
    }

    mutating func moved(_ count: Int, at now: ContinuousClock.Instant) {
        due = max(due, now) + .seconds(Double(count) / Double(bytesPerSecond))
    }
}
