public import SimulatedDevices
internal import SystemCalls

/// Time that passes only when a test says so, or when somebody sleeps.
public final class ManualClock: DeviceClock {
    private let time = Locked(Duration.zero)

    /// A clock that stands at zero.
    public init() {}

    /// The time that has passed.
    public var now: Duration {
        time.withLock { $0 }
    }

    /// Passes that much time at once.
    public func sleep(for duration: Duration) {
        pass(duration)
    }

    /// Passes that much time at once.
    public func pass(_ duration: Duration) {
        time.withLock { $0 += duration }
    }
}
