internal import Synchronization
internal import SystemCalls
internal import SystemPackage

/// One connection, and by when it must have done what it is about to do.
///
/// libmicrohttpd's own timeout looks at inactivity alone: a header that trickles in outlives it. Here
/// every wait for the client has a deadline, except while a stream of device data is on its way.
final class Connection: Sendable {
    let socket: FileDescriptor
    /// The pool of this connection is made for bulk data.
    let isBulk: Bool
    // Milliseconds on the server's clock; never while the agent itself works.
    private let deadline: Atomic<Int64>
    private let unreadBody = Atomic(false)

    init(_ socket: FileDescriptor, isBulk: Bool) {
        self.socket = socket
        self.isBulk = isBulk
        deadline = Atomic(ServerClock.milliseconds + Deadline.nextRequest(isBulk: isBulk))
    }

    var watch: ConnectionWatch {
        ConnectionWatch(socket)
    }

    /// The client must have sent the head of its next request by then.
    func awaitRequest() {
        deadline.store(
            ServerClock.milliseconds + Deadline.nextRequest(isBulk: isBulk), ordering: .relaxed)
    }

    /// The client must have sent a small body, or taken an answer, by then.
    func awaitTransfer() {
        deadline.store(ServerClock.milliseconds + Deadline.transfer, ordering: .relaxed)
    }

    /// The client may take its time, or the agent works.
    func waiveDeadline() {
        deadline.store(.max, ordering: .relaxed)
    }

    /// The connection closes while a body that nobody wants may still be coming in.
    var hasUnreadBody: Bool {
        get { unreadBody.load(ordering: .relaxed) }
        set { unreadBody.store(newValue, ordering: .relaxed) }
    }

    func isOverdue(at now: Int64) -> Bool {
        deadline.load(ordering: .relaxed) < now
    }
}

/// How long a server waits for a client, in milliseconds.
enum Deadline {
    static let transfer: Int64 = 60_000

    /// A connection made for bulk data keeps its large pool, so it may not idle for long.
    static func nextRequest(isBulk: Bool) -> Int64 {
        isBulk ? 5_000 : 60_000
    }
}

/// Time for deadlines: it goes on while the machine sleeps.
enum ServerClock {
    private static let start = ContinuousClock.now

    static var milliseconds: Int64 {
        let (seconds, attoseconds) = (ContinuousClock.now - start).components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}

/// The connections that libmicrohttpd serves now.
final class ConnectionTable: Sendable {
    private let connections = Locked<[CInt: Connection]>([:])

    var count: Int {
        connections.withLock { $0.count }
    }

    func add(_ connection: Connection) {
        connections.withLock { $0[connection.socket.rawValue] = connection }
    }

    // Called before the library closes the socket: under this lock its number is nobody else's.
    func remove(_ connection: Connection) {
        connections.withLock { _ = $0.removeValue(forKey: connection.socket.rawValue) }
    }

    /// Ends the connections that are past their deadline.
    func reap() {
        let now = ServerClock.milliseconds
        connections.withLock { connections in
            for connection in connections.values where connection.isOverdue(at: now) {
                shutDown(connection.socket)
            }
        }
    }
}
