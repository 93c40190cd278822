internal import SystemPackage

/// The release of the running kernel: `6.12.95-amd64`.
///
/// Source: proc(5), `/proc/sys/kernel/osrelease`.
public var hostKernelRelease: String {
    Files.text(of: "/proc/sys/kernel/osrelease") ?? "unknown"
}
