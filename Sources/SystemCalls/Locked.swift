internal import CLinux
internal import Glibc

// SAFETY: `value` is touched only with the mutex held, and is Sendable itself; the two pointers are
// valid from `init` to `deinit` and never leave this type.

/// A value behind a mutex, with a condition to wait for its changes: the one lock of this project.
///
/// It wraps a pthread mutex and not `Synchronization.Mutex`, which the thread sanitizer misjudges.
/// Nothing that can block is called with the lock held.
@safe public final class Locked<Value: Sendable>: @unchecked Sendable {
    private var value: Value
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>

    /// Puts a value behind a lock of its own.
    public init(_ value: Value) {
        self.value = value
        unsafe mutex = .allocate(capacity: 1)
        unsafe changed = .allocate(capacity: 1)
        unsafe must(pthread_mutex_init(mutex, nil))
        unsafe must(pthread_cond_init(changed, nil))
    }

    deinit {
        unsafe must(pthread_cond_destroy(changed))
        unsafe must(pthread_mutex_destroy(mutex))
        unsafe changed.deallocate()
        unsafe mutex.deallocate()
    }

    /// Runs a body with the value to itself.
    public func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe must(pthread_mutex_lock(mutex))
        defer { unsafe must(pthread_mutex_unlock(mutex)) }
        return try body(&value)
    }

    /// Runs a body with the value to itself, then wakes every waiter.
    public func change<Result: ~Copyable, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withLock { value throws(Failure) in
            defer { unsafe must(pthread_cond_broadcast(changed)) }
            return try body(&value)
        }
    }

    /// Waits until the body finds what it looks for, and answers that; nil when time runs out first.
    ///
    /// The body runs at once and after every ``change(_:)``, with the value to itself.
    public func wait<Result>(
        until deadline: ContinuousClock.Instant, for body: (inout Value) -> Result?
    ) -> Result? {
        unsafe must(pthread_mutex_lock(mutex))
        defer { unsafe must(pthread_mutex_unlock(mutex)) }
        while true {
            if let result = body(&value) { return result }
            let left = deadline - .now
            guard left > .zero else { return nil }
            var moment = monotonicTime(in: left)
            let error = unsafe ferry_cond_wait_until(changed, mutex, &moment)
            precondition(error == 0 || error == ETIMEDOUT)
        }
    }
}

/// A pthread call that can fail only by a bug of its caller.
private func must(_ error: CInt) {
    precondition(error == 0)
}

/// The moment of `CLOCK_MONOTONIC` after a delay from now.
func monotonicTime(in delay: Duration) -> timespec {
    var now = timespec()
    unsafe must(clock_gettime(CLOCK_MONOTONIC, &now))
    let (seconds, attoseconds) = delay.components
    let nanoseconds = now.tv_nsec + Int(attoseconds / 1_000_000_000)
    return timespec(
        tv_sec: now.tv_sec + Int(seconds) + nanoseconds / 1_000_000_000,
        tv_nsec: nanoseconds % 1_000_000_000)
}
