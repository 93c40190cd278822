internal import CCurl

// SAFETY: curl's handles are valid from `init` to `deinit` and used by one thread at a time, whose turn
// it is by `Connection`; `curl_multi_wakeup` alone may be called from any thread at any time.

/// libcurl: the handle of a request, used again and again, and the one that keeps its connection.
@safe final class Curl: Sendable {
    nonisolated(unsafe) let easy: UnsafeMutableRawPointer
    private nonisolated(unsafe) let multi: UnsafeMutableRawPointer
    nonisolated(unsafe) let errorText: UnsafeMutablePointer<CChar>
    /// What the callbacks for sockets are shown; the last one comes in `deinit`.
    let connection: Connection
    let connectTimeout: Duration

    /// How a transfer ended.
    struct Outcome {
        var response: HTTPResponse?
        var code: CURLcode
        var text: String
    }

    private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    init(_ connection: Connection, connectTimeout: Duration) {
        guard Self.isReady, let easy = unsafe curl_easy_init(),
            let multi = unsafe curl_multi_init()
        else { preconditionFailure("no memory for a connection") }
        unsafe self.easy = easy
        unsafe self.multi = multi
        unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        self.connection = connection
        self.connectTimeout = connectTimeout
    }

    deinit {
        unsafe curl_easy_cleanup(easy)
        unsafe curl_multi_cleanup(multi)
        unsafe errorText.deallocate()
    }

    /// Has the thread in ``run(_:)`` look around; from any thread.
    func wakeUp() {
        unsafe curl_multi_wakeup(multi)
    }

    /// Runs a transfer to its end. Blocks as long as it takes.
    func run(_ transfer: Transfer) -> Outcome {
        let fields = unsafe makeFields(for: transfer)
        defer { unsafe curl_slist_free_all(fields) }
        setPolicy()
        unsafe set(transfer, fields)
        var code = perform(transfer)
        let status = unsafe ferry_curl_status(easy)
        // Not what was asked for, where curl lets it pass: 101, Switching Protocols.
        if code == CURLE_OK && status < 200 { code = CURLE_WEIRD_SERVER_REPLY }
        if code == CURLE_OK {
            var response = HTTPResponse(status, received(CURLH_HEADER), body: transfer.body)
            response.trailers = received(CURLH_TRAILER)
            return Outcome(response: response, code: code, text: "")
        }
        let text = unsafe String(cString: errorText)
        return Outcome(
            code: code, text: text.isEmpty ? unsafe String(cString: curl_easy_strerror(code)) : text
        )
    }

    private static let longestWait: CInt = 60_000

    private func perform(_ transfer: Transfer) -> CURLcode {
        guard unsafe curl_multi_add_handle(multi, easy) == CURLM_OK else {
            return CURLE_OUT_OF_MEMORY
        }
        defer { unsafe curl_multi_remove_handle(multi, easy) }
        while true {
            var running: CInt = 0
            guard unsafe curl_multi_perform(multi, &running) == CURLM_OK else {
                return CURLE_OUT_OF_MEMORY
            }
            if let code = result { return code }
            if connection.isCut { return CURLE_ABORTED_BY_CALLBACK }
            unsafe curl_multi_poll(multi, nil, 0, Self.longestWait, nil)
            // curl reads before it sends: the source is asked again only if no answer has come.
            if transfer.isPaused {
                transfer.isPaused = false
                unsafe curl_easy_pause(easy, CURLPAUSE_CONT)
            }
        }
    }

    private var result: CURLcode? {
        var left: CInt = 0
        guard let message = unsafe curl_multi_info_read(multi, &left) else { return nil }
        return unsafe message.pointee.data.result
    }

    private func received(_ origin: CInt) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        var last: UnsafeMutablePointer<curl_header>?
        while let field = unsafe curl_easy_nextheader(easy, UInt32(origin), -1, last) {
            unsafe fields.append(
                (String(cString: field.pointee.name), String(cString: field.pointee.value)))
            unsafe last = field
        }
        return fields
    }
}
