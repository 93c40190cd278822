internal import CMicroHTTPD
internal import SystemCalls

/// One request and its answer, on the thread of its connection.
///
/// libmicrohttpd calls once before the body, then for each piece of it, then once more for the
/// answer. A refusal that waits for that last call keeps the connection alive; one that is given in
/// the first call closes it, which is right only where a body must not come.
final class Exchange {
    let rawTarget: String
    private let server: ServerCore
    private var stage = Stage.begun
    private var connection: Connection?
    private var stream: StreamingBody?

    private enum Stage {
        case begun
        /// Answered after the body, which is thrown away up to a bound.
        case answering(@Sendable () -> Response, discarded: Int)
        case collecting(
            [UInt8], limit: Int, then: @Sendable ([UInt8]) -> Response,
            tooLarge: @Sendable () -> Response)
        case uploading(any UploadSink, discarded: Int?)
        case done
    }

    // A body that nobody wants is worth reading to its end only if that is near.
    private static let smallBody: UInt64 = 64 << 10
    private static let mostDiscarded = 64 << 20

    init(_ rawTarget: String, _ server: ServerCore) {
        self.rawTarget = rawTarget
        self.server = server
        server.exchangeBegan()
    }

    /// The head has been seen.
    var hasBegun: Bool {
        connection != nil
    }

    // MARK: What the library calls

    /// The head is complete; answers false if the connection is to be cut.
    func begin(
        _ mhd: OpaquePointer, _ connection: Connection, method: String, isHTTP10: Bool
    ) -> Bool {
        self.connection = connection
        connection.waiveDeadline()
        let head = unsafe RequestHead(
            method: method, rawTarget: rawTarget, isHTTP10: isHTTP10,
            fields: HeaderFields(.HEADER_KIND, of: mhd), watch: connection.watch)
        do throws(FramingFault) {
            try head.checkFraming()
        } catch {
            var response = server.handler.refusal(of: head, for: error)
            response.fields.append(("Connection", "close"))
            return unsafe queue(response, on: mhd)
        }
        switch server.handler.receive(head) {
        case .answer(let answer):
            return unsafe settle(head, answer, on: mhd)
        case .refuse(let response):
            return unsafe settle(head, { response }, on: mhd)
        case .collect(let limit, let then, let tooLarge):
            if case .known(let length) = head.bodyLength, length > limit {
                return unsafe settle(head, tooLarge, on: mhd)
            }
            connection.awaitTransfer()
            stage = .collecting([], limit: limit, then: then, tooLarge: tooLarge)
        case .upload(let sink):
            stage = .uploading(sink, discarded: nil)
        }
        return true
    }

    /// Decides on a request that has no use for a body.
    private func settle(
        _ head: RequestHead, _ answer: @escaping @Sendable () -> Response, on mhd: OpaquePointer
    ) -> Bool {
        let isHarmless =
            switch head.bodyLength {
            case .none: true
            case .known(let length): length <= Self.smallBody && !head.expectsContinue
            case .chunked: false
            }
        stage = .answering(answer, discarded: 0)
        if isHarmless { return true }
        connection?.hasUnreadBody = true
        return unsafe self.answer(mhd)
    }

    /// A piece of the body; answers false if the connection is to be cut.
    func take(_ piece: UnsafeRawBufferPointer) -> Bool {
        switch stage {
        case .collecting(var bytes, let limit, let then, let tooLarge):
            stage = .done
            if bytes.count + piece.count > limit {
                stage = .answering(tooLarge, discarded: bytes.count + piece.count)
            } else {
                unsafe bytes.append(contentsOf: piece)
                stage = .collecting(bytes, limit: limit, then: then, tooLarge: tooLarge)
            }
        case .answering(let answer, let discarded):
            stage = .answering(answer, discarded: discarded + piece.count)
            return discarded + piece.count <= Self.mostDiscarded
        case .uploading(let sink, nil):
            if unsafe !sink.write(piece.bytes) { stage = .uploading(sink, discarded: 0) }
        case .uploading(let sink, let discarded?):
            stage = .uploading(sink, discarded: discarded + piece.count)
            return discarded + piece.count <= Self.mostDiscarded
        case .begun, .done:
            return false
        }
        return true
    }

    /// The body is complete; answers false if the connection is to be cut.
    func answer(_ mhd: OpaquePointer) -> Bool {
        connection?.waiveDeadline()
        let response: Response
        switch stage {
        case .answering(let answer, _): response = answer()
        case .collecting(let bytes, _, let then, _): response = then(bytes)
        case .uploading(let sink, _):
            response = unsafe sink.finish(trailers: HeaderFields(.FOOTER_KIND, of: mhd))
        case .begun, .done: return false
        }
        stage = .done
        return unsafe queue(response, on: mhd)
    }

    /// The request is over, one way or the other.
    func completed(wasDelivered: Bool) {
        if case .uploading(let sink, _) = stage { _ = sink.finish(trailers: nil) }
        stream?.finished(wasDelivered: wasDelivered)
        connection?.awaitRequest()
        server.exchangeEnded()
    }

    // MARK: The answer

    private func queue(_ response: Response, on mhd: OpaquePointer) -> Bool {
        stage = .done
        let made: OpaquePointer?
        switch response.body {
        case .bytes(let bytes):
            connection?.awaitTransfer()
            unsafe made = bytes.withUnsafeBytes { buffer in
                unsafe MHD_create_response_from_buffer(
                    buffer.count, UnsafeMutableRawPointer(mutating: buffer.baseAddress),
                    .RESPMEM_MUST_COPY)
            }
        case .stream(let body):
            guard let connection else { return false }
            let stream = StreamingBody(body, on: connection)
            self.stream = stream
            unsafe made = stream.makeResponse()
        }
        guard let made = unsafe made else { return false }
        for (name, value) in response.fields {
            unsafe MHD_add_response_header(made, name, value)
        }
        let result = unsafe MHD_queue_response(mhd, UInt32(response.status), made)
        unsafe MHD_destroy_response(made)
        return result == .YES
    }
}

extension HeaderFields {
    /// The fields of a request's header or trailer, as the library has parsed them.
    fileprivate init(_ kind: MHD_ValueKind, of mhd: OpaquePointer) {
        self.init()
        unsafe withUnsafeMutablePointer(to: &self) { pointer in
            _ = unsafe MHD_get_connection_values(mhd, kind, collectField, pointer)
        }
    }
}

private func collectField(
    _ fields: UnsafeMutableRawPointer?, _ kind: MHD_ValueKind, _ name: UnsafePointer<CChar>?,
    _ value: UnsafePointer<CChar>?
) -> MHD_Result {
    guard let fields = unsafe fields, let name = unsafe name else { return .YES }
    let text = unsafe value.map { unsafe String(cString: $0) } ?? ""
    unsafe fields.assumingMemoryBound(to: HeaderFields.self).pointee
        .append(String(cString: name), text)
    return .YES
}
