internal import SystemCalls

/// The time that a simulated device lives in: injected, so that a test can make it pass.
public protocol DeviceClock: Sendable {
    /// The time since some moment in the past.
    var now: Duration { get }

    /// Blocks until so much time has passed.
    func sleep(for duration: Duration)
}

/// The time that everybody lives in.
public struct HostClock: DeviceClock {
    private let start = ContinuousClock.now

    /// A clock that begins now.
    public init() {}

    /// The time since the clock was made.
    public var now: Duration {
        ContinuousClock.now - start
    }

    /// Blocks the calling thread.
    public func sleep(for duration: Duration) {
        Thread.sleep(for: duration)
    }
}
