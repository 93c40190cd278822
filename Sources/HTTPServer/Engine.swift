internal import CMicroHTTPD
internal import Glibc
internal import SystemCalls
internal import SystemPackage

// SAFETY: the daemon is libmicrohttpd's, which locks it itself; it is stopped once, by `stop()`,
// after which nobody adds connections.

/// One libmicrohttpd daemon: the connections whose memory pools have one size.
@safe final class Engine: @unchecked Sendable {
    private let daemon: OpaquePointer
    /// What the callbacks are shown; it lives as long as the daemon.
    private let context: Context

    final class Context: Sendable {
        let core: ServerCore
        let isBulk: Bool

        init(_ core: ServerCore, isBulk: Bool) {
            self.core = core
            self.isBulk = isBulk
        }
    }

    /// What handler threads need at most, in bytes: jansson's parser recurses 2048 levels deep.
    private static let stackBytes = 1 << 20

    /// `ENOMEM`: the library could not start.
    init(_ core: ServerCore, poolBytes: Int, isBulk: Bool) throws(Errno) {
        context = Context(core, isBulk: isBulk)
        guard
            let daemon = unsafe ferry_mhd_start(
                poolBytes, Self.stackBytes, UInt32(ServerLimits.connections),
                OpaqueReference.show(context), targetSeen, handleRequest, requestCompleted,
                connectionChanged)
        else { throw .noMemory }
        unsafe self.daemon = daemon
    }

    /// Serves a connection from now on; the library closes it, also if it cannot serve it.
    func serve(_ connection: consuming OwnedFileDescriptor, from listener: SocketAddress) {
        // The library asks the address for its family alone: TCP has options, a Unix socket none.
        var address = sockaddr()
        address.sa_family = listener.family
        let number = connection.release()
        _ = unsafe MHD_add_connection(
            daemon, number, &address, socklen_t(MemoryLayout<sockaddr>.size))
    }

    /// Ends every connection and waits for their threads.
    func stop() {
        unsafe MHD_stop_daemon(daemon)
    }
}

// MARK: What the library calls

// Global functions: a closure in `@main` would be isolated to the main actor, and trap.

/// The request line has come: the exchange begins, and the library keeps it.
private func targetSeen(
    _ engine: UnsafeMutableRawPointer?, _ target: UnsafePointer<CChar>?, _ mhd: OpaquePointer?
) -> UnsafeMutableRawPointer? {
    guard let engine = unsafe engine, let target = unsafe target else { return nil }
    let context = unsafe OpaqueReference.look(at: engine, as: Engine.Context.self)
    return unsafe OpaqueReference.handOver(Exchange(String(cString: target), context.core))
}

private func handleRequest(
    _ engine: UnsafeMutableRawPointer?, _ mhd: OpaquePointer?, _ url: UnsafePointer<CChar>?,
    _ method: UnsafePointer<CChar>?, _ version: UnsafePointer<CChar>?,
    _ piece: UnsafePointer<CChar>?, _ pieceSize: UnsafeMutablePointer<Int>?,
    _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> MHD_Result {
    guard let mhd = unsafe mhd, let method = unsafe method, let version = unsafe version,
        let pieceSize = unsafe pieceSize, let kept = unsafe context?.pointee
    else { return .NO }
    let exchange = unsafe OpaqueReference.look(at: kept, as: Exchange.self)
    let goesOn: Bool
    if unsafe pieceSize.pointee > 0 {
        let bytes = unsafe UnsafeRawBufferPointer(start: piece, count: pieceSize.pointee)
        unsafe goesOn = exchange.take(bytes)
        unsafe pieceSize.pointee = 0
    } else if exchange.hasBegun {
        unsafe goesOn = exchange.answer(mhd)
    } else if let opaque = unsafe ferry_mhd_socket_context(mhd) {
        let connection = unsafe OpaqueReference.look(at: opaque, as: Connection.self)
        unsafe goesOn = exchange.begin(
            mhd, connection, method: String(cString: method),
            isHTTP10: strcmp(version, "HTTP/1.0") == 0)
    } else {
        goesOn = false
    }
    return goesOn ? .YES : .NO
}

private func requestCompleted(
    _ engine: UnsafeMutableRawPointer?, _ mhd: OpaquePointer?,
    _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    _ code: MHD_RequestTerminationCode
) {
    guard let kept = unsafe context?.pointee else { return }
    unsafe context?.pointee = nil
    unsafe OpaqueReference.takeBack(kept, as: Exchange.self)
        .completed(wasDelivered: code == .REQUEST_TERMINATED_COMPLETED_OK)
}

private func connectionChanged(
    _ engine: UnsafeMutableRawPointer?, _ mhd: OpaquePointer?,
    _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    _ code: MHD_ConnectionNotificationCode
) {
    guard let engine = unsafe engine, let mhd = unsafe mhd, let context = unsafe context else {
        return
    }
    let ours = unsafe OpaqueReference.look(at: engine, as: Engine.Context.self)
    if code == .CONNECTION_NOTIFY_STARTED {
        let socket = unsafe FileDescriptor(rawValue: ferry_mhd_socket(mhd))
        let connection = Connection(socket, isBulk: ours.isBulk)
        ours.core.connections.add(connection)
        unsafe context.pointee = OpaqueReference.handOver(connection)
    } else if let kept = unsafe context.pointee {
        unsafe context.pointee = nil
        let connection = unsafe OpaqueReference.takeBack(kept, as: Connection.self)
        if connection.hasUnreadBody { linger(on: connection.socket) }
        ours.core.connections.remove(connection)
    }
}
