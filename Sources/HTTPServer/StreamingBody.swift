internal import CMicroHTTPD
internal import SystemCalls
internal import SystemPackage

// SAFETY: `response` is made and used on the connection's thread, and shown to the library only while the
// exchange that queued it lives.

/// A chunked body on its way, sent past libmicrohttpd.
///
/// The library sends the header, asks for the first piece, and sends the last chunk with the trailer.
/// In between the pieces go from where they are straight to the socket: through the library they would
/// be copied into the connection's pool first, and be as small as that. It needs a thread per
/// connection and a plain socket. DECISIONS.md, "Chunks of our own".
///
/// The exchange keeps it until the library says that the request is over.
@safe final class StreamingBody {
    private let body: any ResponseStream
    private let connection: Connection
    private var response: OpaquePointer?
    private var hasEnded = false

    init(_ body: any ResponseStream, on connection: Connection) {
        self.body = body
        self.connection = connection
    }

    // Nothing goes through the library's buffer; it only wants this not to be 0.
    private static let ignoredBlockSize = 1

    /// The library's side of it; released by whoever queues it.
    func makeResponse() -> OpaquePointer? {
        unsafe response = MHD_create_response_from_callback(
            ferry_mhd_size_unknown, Self.ignoredBlockSize, sendWholeBody,
            OpaqueReference.show(self), nil)
        return unsafe response
    }

    /// Sends the body; answers one of the library's two ends.
    fileprivate func run() -> Int {
        while true {
            switch body.next(watch: connection.watch, send: sendChunk) {
            case .sent: continue
            case .broken: return ferry_mhd_end_with_error
            case .end(let trailers):
                if let response = unsafe response {
                    for (name, value) in trailers {
                        unsafe MHD_add_response_footer(response, name, value)
                    }
                }
                hasEnded = true
                return ferry_mhd_end_of_stream
            }
        }
    }

    private static let lineEnd: [UInt8] = [0x0d, 0x0a]

    private func sendChunk(_ piece: RawSpan) -> Bool {
        let size = ChunkSize(piece.byteCount)
        return unsafe sendAll(
            size.bytes.span.extracting(size.start...).bytes, piece, Self.lineEnd.span.bytes,
            on: connection.socket,
            while: { body.goesOn })
    }

    func finished(wasDelivered: Bool) {
        body.finished(delivered: hasEnded && wasDelivered)
    }
}

/// The line before a chunk: its size in hexadecimal digits. It allocates nothing.
///
/// Source: RFC 9112, section 7.1.
private struct ChunkSize {
    private(set) var bytes = InlineArray<18, UInt8>(repeating: 0)
    /// Where in the bytes the line begins.
    private(set) var start = 16

    init(_ size: Int) {
        bytes[16] = 0x0d
        bytes[17] = 0x0a
        var rest = size
        repeat {
            start -= 1
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            bytes[start] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            rest >>= 4
        } while rest > 0
    }
}

private func sendWholeBody(
    _ body: UnsafeMutableRawPointer?, _ position: UInt64, _ buffer: UnsafeMutablePointer<CChar>?,
    _ size: Int
) -> Int {
    guard let body = unsafe body else { return ferry_mhd_end_with_error }
    return unsafe OpaqueReference.look(at: body, as: StreamingBody.self).run()
}
