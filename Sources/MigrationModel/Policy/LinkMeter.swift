/// Measures what the link moves, by the streams of all devices together.
///
/// Only what goes on while there is enough to send tells how fast the link is. A round of looks at
/// every device counts if one of them had more to send at both ends of it. Otherwise the devices may
/// have been the slow ones: then the link moves at least as much, and that counts only if it is more
/// than was known. While nothing flows the last rate stays.
struct LinkMeter: Hashable, Sendable {
    private var lanes: [Lane]
    private var roundStart: Duration?
    /// What moved, and how long that took; the newest last.
    private var rounds: [Round] = []
    private var hasMoved = false

    /// How much flowing time is looked back on.
    private static let window = Duration.seconds(2)
    /// Shorter rounds wait for the next looks: they would measure the looking.
    private static let shortestRound = Duration.milliseconds(50)
    /// What a link that moves something but was never full is taken for: 1 Gbit/s. Some devices
    /// (hisi_acc) have only a few bytes before the stop, and nothing else would ever be measured.
    private static let assumedRate = 125e6

    private struct Lane: Hashable, Sendable {
        var sent: UInt64 = 0
        var isBusy = false
        var wasSent: UInt64 = 0
        var wasBusy = false
        var isSeen = false
    }

    private struct Round: Hashable, Sendable {
        let bytes: UInt64
        let time: Duration
        let isFull: Bool
        var rate: Double { Double(bytes) / (time / .seconds(1)) }
    }

    init(streams: Int) {
        lanes = Array(repeating: Lane(), count: streams)
    }

    /// Bytes per second, measured or assumed; nil before anything has moved.
    var rate: Double? {
        seenRate ?? (hasMoved ? Self.assumedRate : nil)
    }

    /// The rate as it was seen: what the link moves, or at least that.
    var seenRate: Double? {
        if rounds.isEmpty { return nil }
        return Double(rounds.reduce(UInt64(0)) { $0.adding($1.bytes) }) / (time / .seconds(1))
    }

    /// The rate of a link that was full.
    var measuredRate: Double? {
        rounds.contains(where: \.isFull) ? seenRate : nil
    }

    private var time: Duration {
        rounds.reduce(.zero) { $0 + $1.time }
    }

    /// A stream was looked at.
    mutating func observe(_ stream: Int, at now: Duration, sent: UInt64, hasMore: Bool) {
        // A session that began anew begins at 0.
        if sent < lanes[stream].wasSent { lanes[stream].wasSent = sent }
        lanes[stream].sent = sent
        lanes[stream].isBusy = hasMore
        lanes[stream].isSeen = true
        hasMoved = hasMoved || sent > 0
        guard lanes.allSatisfy(\.isSeen) else { return }
        if let roundStart {
            guard now - roundStart >= Self.shortestRound else { return }
            finishRound(now - roundStart)
        }
        roundStart = now
        for place in lanes.indices {
            lanes[place].wasSent = lanes[place].sent
            lanes[place].wasBusy = lanes[place].isBusy
            lanes[place].isSeen = false
        }
    }

    private mutating func finishRound(_ time: Duration) {
        let bytes = lanes.reduce(UInt64(0)) { $0.adding($1.sent - $1.wasSent) }
        guard bytes > 0 else { return }
        let isFull = lanes.contains { $0.wasBusy && $0.isBusy }
        let round = Round(bytes: bytes, time: time, isFull: isFull)
        if isFull {
            rounds.append(round)
            while let oldest = rounds.first, self.time - oldest.time >= Self.window {
                rounds.removeFirst()
            }
        } else if round.rate > rate ?? 0 {
            rounds = [round]
        }
    }
}
