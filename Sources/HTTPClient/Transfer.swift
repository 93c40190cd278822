internal import CCurl
internal import SystemCalls

/// One request on its way: what curl asks while it sends it, and what has come back.
final class Transfer {
    let request: HTTPRequest
    let connection: Connection
    let source: (any UploadSource)?
    let sink: (any DownloadSink)?
    private(set) var body: [UInt8] = []
    /// Why this side ended the transfer, where it did.
    private(set) var reason: String?
    /// The source was interrupted for what has arrived, and has to be asked again after that.
    var isPaused = false
    private var headerBytes = 0
    /// The source or the sink has.
    private var hasBrokenOff = false
    private var isSuccess = false
    private var stage = Stage.unsent

    private enum Stage {
        case unsent
        case sent
        case sentAgain
        /// The body has begun: the source cannot begin it once more.
        case uploading
    }

    init(
        _ request: HTTPRequest, from source: (any UploadSource)?, to sink: (any DownloadSink)?,
        on connection: Connection
    ) {
        self.request = request
        self.connection = connection
        self.source = source
        self.sink = sink
    }

    // MARK: What curl asks

    /// A connection is there, and the request is about to be sent; false if it must not be.
    ///
    /// Asked again when a kept connection was dead or the peer knows no `Expect`: curl would repeat any
    /// request, and several times.
    func begin() -> Bool {
        switch stage {
        case .unsent: stage = .sent
        case .sent where request.isIdempotent: stage = .sentAgain
        case .sent, .sentAgain, .uploading:
            reason = "it would have to be sent again"
            return false
        }
        return true
    }

    /// A line of the header or the trailer, which curl keeps; false if it is too much.
    func takeHeader(_ line: UnsafeRawBufferPointer) -> Bool {
        headerBytes += line.count
        let start = Array("HTTP/1.1 ".utf8)
        if unsafe line.starts(with: start) {
            isSuccess = unsafe line.dropFirst(start.count).first == UInt8(ascii: "2")
        }
        if headerBytes <= HTTPClientLimits.headerBytes { return true }
        reason = "the answer's header has more than \(HTTPClientLimits.headerBytes) bytes"
        return false
    }

    /// A piece of the answer's body; false if it is too much, or not wanted.
    func takeBody(_ piece: UnsafeRawBufferPointer) -> Bool {
        if let sink, isSuccess {
            if unsafe sink.take(piece.bytes) { return true }
            reason = "its body was not taken"
            hasBrokenOff = true
            return false
        }
        if body.count + piece.count <= HTTPClientLimits.bodyBytes {
            unsafe body.append(contentsOf: piece)
            return true
        }
        reason = "the answer has more than \(HTTPClientLimits.bodyBytes) bytes"
        return false
    }

    /// Fills curl's buffer; answers how many bytes there are, 0 for the end, or what curl is to do.
    func pull(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let source else { return 0 }
        stage = .uploading
        while true {
            let watch = connection.watch
            var span = unsafe OutputRawSpan(buffer: buffer, initializedCount: 0)
            let step = source.next(into: &span, watch: watch)
            let count = unsafe span.finalize(for: buffer)
            switch step {
            case .bytes where count > 0:
                return count
            case .bytes:
                continue
            case .end:
                precondition(count == 0, "the end of an upload comes without bytes")
                return 0
            case .broken where watch.isGone && !connection.isCut:
                isPaused = true
                return Int(CURL_READFUNC_PAUSE)
            case .broken:
                reason = "its body broke off"
                hasBrokenOff = true
                return Int(CURL_READFUNC_ABORT)
            }
        }
    }

    // MARK: How it ended

    /// What became of a request that has no answer.
    func error(_ outcome: Curl.Outcome) -> HTTPClientError {
        error(kind(outcome.code), reason ?? outcome.text)
    }

    func error(_ kind: HTTPClientError.Kind, _ reason: String) -> HTTPClientError {
        HTTPClientError(
            kind, "\(request.method) \(connection.endpoint)\(request.path): \(reason)")
    }

    private func kind(_ code: CURLcode) -> HTTPClientError.Kind {
        if connection.isCut || hasBrokenOff { return .aborted }
        if stage == .unsent { return .connect }
        switch code {
        case CURLE_OPERATION_TIMEDOUT:
            return .timeout
        // The last one is for a line that never ends.
        case CURLE_WRITE_ERROR, CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY,
            CURLE_BAD_CONTENT_ENCODING, CURLE_FILESIZE_EXCEEDED, CURLE_OUT_OF_MEMORY:
            return .protocol
        default:
            return .cut
        }
    }
}
