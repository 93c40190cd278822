internal import CCurl
internal import SystemCalls
internal import SystemPackage

// What curl calls, on the thread that runs the transfer.

func socketOpened(
    _ connection: UnsafeMutableRawPointer?, _ number: curl_socket_t, _ purpose: curlsocktype
) -> CInt {
    guard let connection = unsafe connection else { return CURL_SOCKOPT_ERROR }
    return unsafe OpaqueReference.look(at: connection, as: Connection.self)
        .opened(FileDescriptor(rawValue: number)) ? CURL_SOCKOPT_OK : CURL_SOCKOPT_ERROR
}

func closeSocket(_ connection: UnsafeMutableRawPointer?, _ number: curl_socket_t) -> CInt {
    guard let connection = unsafe connection else { return 1 }
    unsafe OpaqueReference.look(at: connection, as: Connection.self)
        .close(OwnedFileDescriptor(owning: number))
    return 0
}

func requestBegins(
    _ transfer: UnsafeMutableRawPointer?, _ peer: UnsafeMutablePointer<CChar>?,
    _ local: UnsafeMutablePointer<CChar>?, _ peerPort: CInt, _ localPort: CInt
) -> CInt {
    guard let transfer = unsafe transfer else { return CURL_PREREQFUNC_ABORT }
    return unsafe OpaqueReference.look(at: transfer, as: Transfer.self).begin()
        ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}

// The next two answer how much they took: less than all of it ends the transfer.

func headerArrived(
    _ line: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ transfer: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = unsafe transfer else { return 0 }
    return unsafe OpaqueReference.look(at: transfer, as: Transfer.self)
        .takeHeader(UnsafeRawBufferPointer(start: line, count: count)) ? count : 0
}

func bodyArrived(
    _ piece: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ transfer: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = unsafe transfer else { return 0 }
    return unsafe OpaqueReference.look(at: transfer, as: Transfer.self)
        .takeBody(UnsafeRawBufferPointer(start: piece, count: count)) ? count : 0
}

func pullUpload(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ transfer: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = unsafe transfer else { return Int(CURL_READFUNC_ABORT) }
    return unsafe OpaqueReference.look(at: transfer, as: Transfer.self)
        .pull(into: UnsafeMutableRawBufferPointer(start: buffer, count: size * count))
}
