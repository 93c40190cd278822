internal import Glibc

/// What the system allows this process.
public enum ResourceLimits {
    /// Lets the process open as many files as its hard limit allows: a connection takes one
    /// descriptor, a device up to four.
    ///
    /// Corresponds to setrlimit(2), `RLIMIT_NOFILE`.
    public static func raiseOpenFiles() {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return
        }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
