internal import CLinux
internal import Glibc
public import SystemPackage

/// One descriptor that a poll looks at.
public struct PollEntry: Sendable {
    var entry: pollfd

    /// What may happen to a descriptor.
    public struct Events: OptionSet, Sendable {
        /// The bits of `POLLIN` and its like.
        public let rawValue: Int16

        /// Takes the bits of `POLLIN` and its like.
        public init(rawValue: Int16) {
            self.rawValue = rawValue
        }

        /// There is something to read. `POLLIN`.
        public static let readable = Events(rawValue: Int16(POLLIN))
        /// There is room to write. `POLLOUT`.
        public static let writable = Events(rawValue: Int16(POLLOUT))
        /// The peer has closed its sending half, or all of it. `POLLRDHUP`.
        public static let peerClosed = Events(rawValue: ferry_pollrdhup)
        /// The connection is gone; reported without being asked for. `POLLHUP`, `POLLERR`.
        public static let gone = Events(rawValue: Int16(POLLHUP | POLLERR | POLLNVAL))
    }

    /// Looks at a descriptor for some events; ``Events/gone`` is always among them.
    public init(_ descriptor: FileDescriptor, _ events: Events) {
        entry = pollfd(fd: descriptor.rawValue, events: events.rawValue, revents: 0)
    }

    /// What the last poll saw.
    public var seen: Events {
        Events(rawValue: entry.revents)
    }
}

/// Waits until something happens to one of the descriptors; false when time runs out first.
///
/// Corresponds to poll(2). A nil timeout waits for ever; less than a millisecond is rounded up; a
/// negative descriptor is passed over. Allocates nothing.
@discardableResult
public func poll(_ entries: inout MutableSpan<PollEntry>, timeout: Duration?) -> Bool {
    let deadline = timeout.map { ContinuousClock.now + $0 }
    return unsafe entries.withUnsafeMutableBufferPointer { buffer in
        unsafe buffer.withMemoryRebound(to: pollfd.self) { raw in
            var count: CInt
            repeat {
                count = unsafe Glibc.poll(
                    raw.baseAddress, nfds_t(raw.count), milliseconds(to: deadline))
                // EINTR is the one error that a sound call meets; ENOMEM passes.
            } while count < 0
            return count > 0
        }
    }
}

/// Waits until something happens to a descriptor; answers what, or nil when time runs out first.
///
/// Corresponds to poll(2), like ``poll(_:timeout:)``.
public func poll(
    _ descriptor: FileDescriptor, for events: PollEntry.Events, timeout: Duration?
) -> PollEntry.Events? {
    var entries: [1 of PollEntry] = [PollEntry(descriptor, events)]
    var span = entries.mutableSpan
    return poll(&span, timeout: timeout) ? entries[0].seen : nil
}

private func milliseconds(to deadline: ContinuousClock.Instant?) -> CInt {
    guard let deadline else { return -1 }
    let (seconds, attoseconds) = (deadline - .now).components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let rounded = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    return CInt(clamping: min(seconds, 2_000_000) * 1000 + rounded)
}
