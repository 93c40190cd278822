internal import Glibc

/// The signals that end the agent, taken by a thread that waits for them.
public enum EndSignal: CInt, CaseIterable, Sendable {
    /// Ctrl-C at the terminal. `SIGINT`.
    case interrupt = 2
    /// The service manager's request. `SIGTERM`.
    case terminate = 15

    /// Holds both signals back in this thread and in every thread that it starts from now on, so
    /// that only ``wait()`` sees them; and turns a write to a closed socket into `EPIPE`, and one
    /// beyond what a file may have into `EFBIG`.
    public static func holdBack() {
        _ = signal(SIGPIPE, SIG_IGN)
        _ = signal(SIGXFSZ, SIG_IGN)
        var set = signalSet()
        _ = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Blocks until one of the signals arrives.
    public static func wait() -> EndSignal {
        var set = signalSet()
        while true {
            var number: CInt = 0
            if unsafe sigwait(&set, &number) == 0, let signal = EndSignal(rawValue: number) {
                return signal
            }
        }
    }

    private static func signalSet() -> sigset_t {
        var set = sigset_t()
        _ = unsafe sigemptyset(&set)
        for signal in allCases { _ = unsafe sigaddset(&set, signal.rawValue) }
        return set
    }
}
