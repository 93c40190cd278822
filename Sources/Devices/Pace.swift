/// Spreads a stream evenly over time: after each piece the next one is due when that many bytes have
/// had their time. Who comes a moment late catches up; who stalls does not.
public struct Pace: Sendable {
    private let bytesPerSecond: UInt64
    private var due: ContinuousClock.Instant

    /// A rate from now on.
    public init(bytesPerSecond: UInt64, now: ContinuousClock.Instant) {
        self.bytesPerSecond = max(1, bytesPerSecond)
        due = now
    }

    /// The most that is to be moved at once: a tenth of a second is even when ten pieces fit in.
    public var largestPiece: Int {
        Int(clamping: max(1, bytesPerSecond / 100))
    }

    // Threads wake up a millisecond or two late, for every piece.
    private static let mostCaughtUp = Duration.milliseconds(20)

    /// How long it is until the next piece is due.
    public func wait(from now: ContinuousClock.Instant) -> Duration {
        max(.zero, due - now)
    }

    /// Counts what was moved.
    public mutating func moved(_ count: Int, at now: ContinuousClock.Instant) {
        due = max(due, now - Self.mostCaughtUp) + .seconds(Double(count) / Double(bytesPerSecond))
    }
}
