internal import SystemCalls
internal import SystemPackage

/// The sockets of a client, and whose turn it is to use them.
final class Connection: Sendable {
    let endpoint: Endpoint
    private let state = Locked(State())

    private struct State: Sendable {
        var isBusy = false
        var isCut = false
        /// More than one only while two addresses of a name race for the connection.
        var sockets: [FileDescriptor] = []
    }

    init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
    }

    var isCut: Bool {
        state.withLock { $0.isCut }
    }

    /// Waits until nobody else uses the connection; false if it was cut.
    func beginTurn() -> Bool {
        while true {
            let begins: Bool? = state.wait(until: .now + .seconds(3600)) { state in
                if state.isCut { return false }
                if state.isBusy { return nil }
                state.isBusy = true
                return true
            }
            if let begins { return begins }
        }
    }

    func endTurn() {
        state.change { $0.isBusy = false }
    }

    /// Ends both directions of every socket, which wakes whoever waits for one.
    func cut() {
        state.change { state in
            state.isCut = true
            for socket in state.sockets { shutDown(socket) }
        }
    }

    /// A socket is about to connect; false if it must not any more.
    func opened(_ socket: FileDescriptor) -> Bool {
        state.withLock { state in
            if !state.isCut { state.sockets.append(socket) }
            return !state.isCut
        }
    }

    /// Closes a socket, which is forgotten first: ``cut()`` never meets a number that is somebody else's.
    func close(_ socket: consuming OwnedFileDescriptor) {
        let number = socket.borrowed
        state.withLock { $0.sockets.removeAll { $0 == number } }
    }

    /// For a source that has nothing to send: wakes it when the peer has gone or has answered.
    ///
    /// Under TLS anything may arrive that is no answer, so only the end of the connection counts.
    var watch: ConnectionWatch {
        guard let socket = state.withLock({ $0.sockets.last }) else { return .none }
        if case .https = endpoint { return ConnectionWatch(socket) }
        return ConnectionWatch(socket, endsWithInput: true)
    }
}
