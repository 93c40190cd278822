internal import CCurl
internal import SystemCalls
internal import SystemPackage

extension Curl {
    /// How long an upload waits for the word to go on before it begins without.
    private static let expectTimeout = Duration.seconds(10)
    /// The largest that curl takes.
    private static let uploadBufferBytes = 2 << 20
    private static let downloadBufferBytes = 512 << 10

    /// Forgets the last request, and sets what holds for every one.
    func setPolicy() {
        unsafe curl_easy_reset(easy)
        unsafe errorText.initialize(to: 0)
        unsafe set(CURLOPT_ERRORBUFFER, errorText)
        unsafe ferry_curl_on_sockets(
            easy, OpaqueReference.show(connection), socketOpened, closeSocket)
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        set(CURLOPT_PROXY, "")
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_TCP_KEEPIDLE, 15)
        set(CURLOPT_TCP_KEEPINTVL, 5)
        set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(connectTimeout))
        set(CURLOPT_EXPECT_100_TIMEOUT_MS, milliseconds(Self.expectTimeout))
        // As other programs do it; without it the system's own authorities count.
        if let file = Environment.value(of: "SSL_CERT_FILE") { set(CURLOPT_CAINFO, file) }
        if case .unix(let path) = connection.endpoint {
            set(CURLOPT_UNIX_SOCKET_PATH, path.string)
        }
    }

    /// Sets what holds for one request. The fields have to outlive it.
    func set(_ transfer: Transfer, _ fields: UnsafeMutablePointer<curl_slist>?) {
        let request = transfer.request
        let context = unsafe OpaqueReference.show(transfer)
        unsafe ferry_curl_on_transfer(easy, context, requestBegins, headerArrived, bodyArrived)
        set(CURLOPT_URL, connection.endpoint.origin + request.path)
        unsafe set(CURLOPT_HTTPHEADER, fields)
        if let timeout = request.timeout { set(CURLOPT_TIMEOUT_MS, milliseconds(timeout)) }
        if transfer.source != nil {
            unsafe ferry_curl_on_upload(easy, context, pullUpload)
            set(CURLOPT_UPLOAD, 1)
            set(CURLOPT_UPLOAD_BUFFERSIZE, Self.uploadBufferBytes)
        } else if request.announcesBody {
            // Never empty: without a place to copy from, curl would ask for the body.
            let body = request.body ?? []
            set(CURLOPT_POSTFIELDSIZE, body.count)
            unsafe (body + [0]).withUnsafeBytes {
                unsafe set(CURLOPT_COPYPOSTFIELDS, $0.baseAddress)
            }
        } else if request.method == "HEAD" {
            set(CURLOPT_NOBODY, 1)
        }
        if transfer.sink != nil { set(CURLOPT_BUFFERSIZE, Self.downloadBufferBytes) }
        set(CURLOPT_CUSTOMREQUEST, request.method)
    }

    /// The header's lines, for the caller to free.
    func makeFields(for transfer: Transfer) -> UnsafeMutablePointer<curl_slist>? {
        let fields = transfer.request.fields
        var lines = fields.map { name, value in
            // To curl, a name and nothing else is a field to leave out.
            value.isEmpty ? "\(name);" : "\(name): \(value)"
        }
        let hasType = fields.contains { unsafe curl_strequal($0.name, "Content-Type") != 0 }
        if transfer.source != nil {
            // curl adds Expect: 100-continue, and takes it back for a peer that answers 417.
            lines.append("Transfer-Encoding: chunked")
            if !hasType { lines.append("Content-Type: application/octet-stream") }
        } else {
            lines.append("Expect:")
            if !hasType { lines.append("Content-Type:") }
        }
        return unsafe lines.reduce(nil) { unsafe curl_slist_append($0, $1) }
    }

    private func set(_ option: CURLoption, _ value: Int) {
        must(unsafe ferry_curl_set_number(easy, option, value))
    }

    private func set(_ option: CURLoption, _ value: String) {
        must(unsafe ferry_curl_set_pointer(easy, option, value))
    }

    private func set(_ option: CURLoption, _ value: UnsafeRawPointer?) {
        must(unsafe ferry_curl_set_pointer(easy, option, value))
    }
}

/// Setting an option can fail only for want of memory, or for a library older than the one built against.
private func must(_ code: CURLcode) {
    precondition(code == CURLE_OK)
}

/// At least one, for 0 would be no limit, and at most what curl takes: 24 days.
private func milliseconds(_ duration: Duration) -> Int {
    let milliseconds = duration / .milliseconds(1)
    return Int(min(max(milliseconds, 1), Double(CInt.max)))
}
