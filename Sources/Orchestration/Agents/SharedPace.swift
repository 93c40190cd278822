internal import Devices
internal import SystemCalls

/// A rate that several streams share.
final class SharedPace: Sendable {
    private let pace: Locked<Pace>
    let largestPiece: Int

    init(bytesPerSecond: UInt64) {
        let pace = Pace(bytesPerSecond: bytesPerSecond, now: .now)
        self.pace = Locked(pace)
        largestPiece = pace.largestPiece
    }

    /// Waits until the next piece is due; false when it is not to be waited for any more.
    func wait(while goesOn: () -> Bool) -> Bool {
        while true {
            let left = pace.withLock { $0.wait(from: .now) }
            if left <= .zero { return true }
            guard goesOn() else { return false }
            Thread.sleep(for: min(left, ConnectionWatch.interval))
        }
    }

    func moved(_ count: Int) {
        if count > 0 { pace.withLock { $0.moved(count, at: .now) } }
    }
}
