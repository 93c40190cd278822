internal import CMicroHTTPD
internal import Synchronization
public import SystemCalls
public import SystemPackage

/// How much a server takes on.
public enum ServerLimits {
    /// Connections at a time; each has a thread and a memory pool.
    public static let connections = 512
    /// The pool of a connection in bytes: the bound on a request's head, and what an idle connection
    /// costs.
    public static let poolBytes = 32 << 10
    /// The pool of a connection that takes bulk data in: a piece of the upload is half as large.
    /// Downloads go past the library, and do not care.
    public static let bulkPoolBytes = 1 << 20
}

/// An HTTP/1.1 server on libmicrohttpd: one thread per connection, so a handler may block.
///
/// A thread of its own accepts connections and looks at their request line, to give those that move
/// bulk data to a second daemon with larger memory pools: see DECISIONS.md, "Two daemons".
public final class HTTPServer: Sendable {
    private let core: ServerCore
    private let small: Engine
    private let bulk: Engine
    private let acceptor: Acceptor

    /// Starts to serve the connections that come to some sockets.
    ///
    /// `ENOMEM`, `EAGAIN`, `EMFILE`: no room for threads or descriptors.
    public init(
        listeners: [ListeningSocket], handler: any RequestHandler
    ) throws(Errno) {
        core = ServerCore(handler)
        small = try Engine(core, poolBytes: ServerLimits.poolBytes, isBulk: false)
        bulk = try Engine(core, poolBytes: ServerLimits.bulkPoolBytes, isBulk: true)
        acceptor = try Acceptor(listeners, core, small: small, bulk: bulk)
    }

    /// The version of libmicrohttpd that runs, which may be newer than the one built against.
    public static var libraryVersion: String {
        unsafe String(cString: MHD_get_version())
    }

    /// Requests that are being received, worked on or answered now.
    public var activeExchanges: Int {
        core.exchanges.load(ordering: .acquiring)
    }

    /// Waits until no request is active; false when time runs out first.
    public func waitUntilIdle(until deadline: ContinuousClock.Instant) -> Bool {
        // Looked at now and then: a lock that every request takes twice would slow all of them down.
        while activeExchanges > 0 {
            if ContinuousClock.now >= deadline { return false }
            Thread.sleep(for: .milliseconds(5))
        }
        return true
    }

    /// Takes no more connections, and lets go of the sockets that it listened on.
    public func stopListening() {
        acceptor.stop()
    }

    /// Cuts every connection and waits for their threads: for as long as a handler blocks.
    public func stop() {
        small.stop()
        bulk.stop()
    }
}

/// What the connections of a server share.
final class ServerCore: Sendable {
    let handler: any RequestHandler
    let connections = ConnectionTable()
    let exchanges = Atomic(0)

    init(_ handler: any RequestHandler) {
        self.handler = handler
    }

    func exchangeBegan() {
        exchanges.add(1, ordering: .relaxed)
    }

    func exchangeEnded() {
        exchanges.subtract(1, ordering: .releasing)
    }
}
