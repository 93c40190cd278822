internal import CLinux
internal import Glibc
public import SystemPackage

/// A thread that may block for as long as its work does.
public struct Thread: ~Copyable, Sendable {
    private let handle: pthread_t

    /// Starts a thread; the name is what `ps -L` shows, 15 bytes of it.
    ///
    /// Fails with `EAGAIN` when the system has no room for another one.
    public init(name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
        let work = unsafe OpaqueReference.handOver(Work(name: name, body: body))
        var handle = pthread_t()
        let error = unsafe pthread_create(&handle, nil, runWork, work)
        guard error == 0 else {
            unsafe OpaqueReference.takeBack(work, as: Work.self)
            throw Errno(rawValue: error)
        }
        self.handle = handle
    }

    /// Lets the thread go its way: nobody waits for its end.
    public consuming func detach() {
        _ = pthread_detach(handle)
    }

    /// Waits for the end of the thread.
    public consuming func join() {
        _ = pthread_join(handle, nil)
    }
}

private final class Work: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

private func runWork(_ opaque: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let opaque = unsafe opaque else { return nil }
    let work = unsafe OpaqueReference.takeBack(opaque, as: Work.self)
    _ = unsafe ferry_name_this_thread(String(work.name.prefix(15)))
    work.body()
    return nil
}

extension Thread {
    /// Blocks the calling thread for a while.
    ///
    /// Corresponds to clock_nanosleep(2) on `CLOCK_MONOTONIC`.
    public static func sleep(for duration: Duration) {
        guard duration > .zero else { return }
        var moment = monotonicTime(in: duration)
        while unsafe clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, nil) == EINTR {}
    }
}
