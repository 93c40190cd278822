import ArgumentParser
import Glibc
import SystemCalls
import SystemPackage

/// Ctrl-C, as something to look at: a command ends in order, and takes back what it has begun.
final class Interrupts: Sendable {
    private let count = Locked(0)

    /// Fails where the system has no room for a thread to hear it.
    ///
    /// - Parameter first: what happens at once, on another thread, when it comes for the first time.
    /// - Parameter second: what is said when it comes again; the command ends there.
    init(first: @escaping @Sendable () -> Void = {}, second: String) throws(Failure) {
        EndSignal.holdBack()
        // A terminal that goes away leaves nothing half done.
        _ = signal(SIGHUP, SIG_IGN)
        try doing("starting a thread") { [count] () throws(Errno) in
            try Thread(name: "signals") {
                _ = EndSignal.wait()
                count.change { $0 += 1 }
                first()
                _ = EndSignal.wait()
                complain(second)
                _exit(Exit.interrupted.rawValue)
            }.detach()
        }
    }

    var hasCome: Bool { count.withLock { $0 > 0 } }

    /// Ends what is going on.
    func check() throws(Failure) {
        if hasCome { throw .interrupted }
    }
}
