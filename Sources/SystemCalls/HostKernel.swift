internal import Glibc
internal import SystemPackage

/// The release of the running kernel: `6.12.95-amd64`.
///
/// Source: proc(5), `/proc/sys/kernel/osrelease`.
public var hostKernelRelease: String {
    Files.text(of: "/proc/sys/kernel/osrelease") ?? "unknown"
}

/// The boot that this host is in, as a UUID; states of devices end with it.
///
/// Source: proc(5), `/proc/sys/kernel/random/boot_id`.
public var hostBootID: String {
    Files.text(of: "/proc/sys/kernel/random/boot_id") ?? "unknown"
}

/// The time since this host was booted, the time that it slept included.
///
/// Corresponds to clock_gettime(2) with `CLOCK_BOOTTIME`: the same for all processes.
public var hostUptime: Duration {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_BOOTTIME, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}
