internal import SystemCalls

/// The time that a simulated device lives in: injected, so that a test can make it pass.
public protocol DeviceClock: Sendable {
    /// The time since some moment in the past.
    var now: Duration { get }

    /// Blocks until so much time has passed.
    func sleep(for duration: Duration)
}

/// The time that everybody lives in.
///
/// It is the kernel's, not the process': a device that outlives its agent goes on meanwhile.
public struct HostClock: DeviceClock {
    /// The clock of this host.
    public init() {}

    /// The time since the host was booted.
    public var now: Duration {
        hostUptime
    }

    /// Blocks the calling thread.
    public func sleep(for duration: Duration) {
        Thread.sleep(for: duration)
    }
}
