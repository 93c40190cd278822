internal import CLinux
internal import Glibc
public import SystemPackage

/// A descriptor that becomes readable when another thread signals it.
///
/// Corresponds to eventfd(2).
public final class EventDescriptor: Sendable {
    private let descriptor: OwnedFileDescriptor

    /// An event that has not been signalled; fails with `EMFILE` or `ENFILE` only.
    public init() throws(Errno) {
        descriptor = OwnedFileDescriptor(
            owning: try call { eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK)) })
    }

    /// Makes the descriptor readable until the next ``clear()``; never blocks.
    public func signal() {
        _ = eventfd_write(descriptor.number, 1)
    }

    /// Takes back every signal so far; never blocks.
    public func clear() {
        var count: eventfd_t = 0
        _ = unsafe eventfd_read(descriptor.number, &count)
    }

    /// The descriptor for poll(2), for as long as this object lives.
    public var borrowed: FileDescriptor {
        descriptor.borrowed
    }
}
