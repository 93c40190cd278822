internal import SystemCalls
internal import SystemPackage

/// Takes connections in, looks at what they want, and hands them to the daemon with the right pools.
///
/// One thread. A connection that has not said anything yet costs no thread and no pool; one that
/// comes when the server is full is told so, instead of waiting in a queue that nobody sees.
final class Acceptor: Sendable {
    /// Gone when the thread has ended, and with them the paths of Unix sockets.
    private let listeners: Locked<[ListeningSocket]>
    private let core: ServerCore
    private let small: Engine
    private let bulk: Engine
    private let stopEvent: EventDescriptor
    private let isRunning = Locked(true)

    // Whoever is refused must have said something first, or the answer is lost with the connection.
    private static let mostRefused = 64
    private static let tick = Duration.seconds(1)
    private static let pauseWhenFull = Duration.milliseconds(100)

    init(
        _ listeners: [ListeningSocket], _ core: ServerCore, small: Engine, bulk: Engine
    ) throws(Errno) {
        self.listeners = Locked(listeners)
        self.core = core
        self.small = small
        self.bulk = bulk
        stopEvent = try EventDescriptor()
        try Thread(name: "acceptor") { [self] in
            run()
            self.listeners.withLock { $0 = [] }
            isRunning.change { $0 = false }
        }.detach()
    }

    /// Ends the thread, and with it the connections that have not said anything yet.
    func stop() {
        stopEvent.signal()
        _ = isRunning.wait(until: .now + .seconds(10)) { $0 ? nil : true }
    }

    private func run() {
        let listeners = self.listeners.withLock { $0 }
        var waiting: [Waiting] = []
        var pausedUntil = ContinuousClock.now
        while true {
            let listens = ContinuousClock.now >= pausedUntil
            var entries = [PollEntry(stopEvent.borrowed, .readable)]
            entries += waiting.map { PollEntry($0.borrowed, .readable) }
            if listens { entries += listeners.map { PollEntry($0.borrowed, .readable) } }
            var span = entries.mutableSpan
            poll(&span, timeout: listens ? Self.tick : Self.pauseWhenFull)
            if !entries[0].seen.isEmpty { break }
            var stillWaiting: [Waiting] = []
            for (connection, entry) in zip(waiting, entries.dropFirst()) {
                if entry.seen.isEmpty {
                    if !connection.isOverdue { stillWaiting.append(connection) }
                } else {
                    dispatch(connection)
                }
            }
            waiting = stillWaiting
            if listens && !acceptAll(from: listeners, into: &waiting) {
                pausedUntil = .now + Self.pauseWhenFull
            }
            core.connections.reap()
        }
    }

    /// Takes in whoever waits; false when the process has no room for more.
    private func acceptAll(
        from listeners: [ListeningSocket], into waiting: inout [Waiting]
    ) -> Bool {
        for listener in listeners {
            do throws(Errno) {
                while let socket = try listener.accept() {
                    let taken = core.connections.count + waiting.count
                    if taken >= ServerLimits.connections + Self.mostRefused { continue }
                    socket.keepAlive()
                    waiting.append(
                        Waiting(
                            socket, from: listener.address,
                            isRefused: taken >= ServerLimits.connections))
                }
            } catch {
                return false
            }
        }
        return true
    }

    /// The connection has said something, or has gone.
    private func dispatch(_ connection: Waiting) {
        guard let socket = connection.takeSocket(),
            let start = (try? socket.peek(upTo: 2048)) ?? nil, !start.isEmpty
        else { return }
        if connection.isRefused {
            _ = try? socket.takeArrived(upTo: ServerLimits.poolBytes)
            socket.sendNow(core.handler.overloadedResponse)
            return
        }
        let line = String(decoding: start.prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
        let words = line.split(separator: " ", maxSplits: 2)
        let isBulk =
            words.count > 1 && core.handler.isBulk(method: words[0], rawTarget: words[1])
        (isBulk ? bulk : small).serve(socket, from: connection.listener)
    }
}

/// A connection that has not said anything yet: known to the acceptor's thread alone.
private final class Waiting {
    let borrowed: FileDescriptor
    /// Where it came in.
    let listener: SocketAddress
    /// The server was full when it came.
    let isRefused: Bool
    private var socket: OwnedFileDescriptor?
    private let deadline = ServerClock.milliseconds + Deadline.nextRequest(isBulk: false)

    init(
        _ socket: consuming OwnedFileDescriptor, from listener: SocketAddress, isRefused: Bool
    ) {
        borrowed = socket.borrowed
        self.listener = listener
        self.isRefused = isRefused
        self.socket = consume socket
    }

    var isOverdue: Bool {
        deadline < ServerClock.milliseconds
    }

    func takeSocket() -> OwnedFileDescriptor? {
        socket.take()
    }
}
