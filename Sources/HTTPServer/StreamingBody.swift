internal import CMicroHTTPD
internal import SystemCalls

// SAFETY: `response` is made and used on the connection's thread, and shown to the library only while the
// exchange that queued it lives.

/// A chunked body on its way: what libmicrohttpd asks for the next piece of it.
///
/// The exchange keeps it until the library says that the request is over.
@safe final class StreamingBody {
    private let body: any ResponseStream
    private let watch: ConnectionWatch
    private var response: OpaquePointer?
    private var hasEnded = false

    init(_ body: any ResponseStream, watch: ConnectionWatch) {
        self.body = body
        self.watch = watch
    }

    // A chunked body is made in the connection's pool; the library only wants this not to be 0.
    private static let ignoredBlockSize = 1

    /// The library's side of it; released by whoever queues it.
    func makeResponse() -> OpaquePointer? {
        unsafe response = MHD_create_response_from_callback(
            ferry_mhd_size_unknown, Self.ignoredBlockSize, nextPiece, OpaqueReference.show(self),
            nil)
        return unsafe response
    }

    /// Fills the library's buffer: its length, or one of the library's two ends.
    fileprivate func next(into memory: UnsafeMutableRawBufferPointer) -> Int {
        var buffer = unsafe OutputRawSpan(buffer: memory, initializedCount: 0)
        switch body.next(into: &buffer, watch: watch) {
        case .bytes(let count):
            return count
        case .end(let trailers):
            if let response = unsafe response {
                for (name, value) in trailers {
                    unsafe MHD_add_response_footer(response, name, value)
                }
            }
            hasEnded = true
            return ferry_mhd_end_of_stream
        case .broken:
            return ferry_mhd_end_with_error
        }
    }

    func finished(wasDelivered: Bool) {
        body.finished(delivered: hasEnded && wasDelivered)
    }
}

private func nextPiece(
    _ body: UnsafeMutableRawPointer?, _ position: UInt64, _ buffer: UnsafeMutablePointer<CChar>?,
    _ size: Int
) -> Int {
    guard let body = unsafe body else { return ferry_mhd_end_with_error }
    return unsafe OpaqueReference.look(at: body, as: StreamingBody.self)
        .next(into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
}
