public import SystemPackage

/// What a thread that works for a connection may know of it: whether its peer is still there, and how
/// to be rid of it.
///
/// A peer that has closed its sending half counts as gone: a client that waits for an answer keeps
/// both halves open.
public struct ConnectionWatch: Sendable {
    private let socket: FileDescriptor?
    private let end: PollEntry.Events

    /// How long a wait may go on before the connection is looked at again.
    public static let interval = Duration.milliseconds(500)

    /// Watches a connection for as long as its owner keeps it open.
    ///
    /// - Parameter endsWithInput: anything that arrives counts like the peer's disappearance: for a
    ///   client that still sends, it is an answer before its time.
    public init(_ socket: FileDescriptor, endsWithInput: Bool = false) {
        self.socket = socket
        end = endsWithInput ? [.peerClosed, .readable] : .peerClosed
    }

    private init() {
        socket = nil
        end = .peerClosed
    }

    /// Watches nothing: for work that no connection waits for.
    public static let none = ConnectionWatch()

    /// Why a wait ended.
    public enum Wake: Sendable {
        /// The event was signalled.
        case event
        /// The peer has gone.
        case gone
        /// Nothing happened.
        case timeout
    }

    /// Waits for an event, the peer's disappearance or the end of a time, and clears the event.
    ///
    /// Corresponds to poll(2).
    public func wait(for event: EventDescriptor, timeout: Duration) -> Wake {
        var entries: [2 of PollEntry] = [
            PollEntry(event.borrowed, .readable),
            PollEntry(socket ?? FileDescriptor(rawValue: -1), end),
        ]
        var span = entries.mutableSpan
        guard poll(&span, timeout: timeout) else { return .timeout }
        if !entries[1].seen.isEmpty { return .gone }
        event.clear()
        return .event
    }

    /// The peer has gone. Never blocks.
    public var isGone: Bool {
        socket.map { poll($0, for: end, timeout: .zero) != nil } ?? false
    }

    /// Ends the connection in both directions, which wakes whoever waits for it. Never blocks.
    ///
    /// Corresponds to shutdown(2).
    public func cut() {
        if let socket { shutDown(socket) }
    }
}
