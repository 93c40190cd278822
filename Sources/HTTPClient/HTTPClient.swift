/// How much of an answer is taken.
public enum HTTPClientLimits {
    /// The header in bytes, with interim answers and the trailer.
    public static let headerBytes = 64 << 10
    /// The body in bytes.
    public static let bodyBytes = 4 << 20
}

/// One connection to an endpoint, which is kept and made anew as needed.
///
/// Its requests come one after the other: a thread that finds it busy waits. It follows no redirect,
/// knows no cookie and asks no proxy.
///
/// The keep-alive probes of TCP find a peer that is silently dead while nothing is sent; one that dies
/// while bytes are on their way to it is found by a timeout or by whoever calls ``cut()``.
public final class HTTPClient: Sendable {
    /// Where the requests go.
    public let endpoint: Endpoint
    private let bearerToken: String?
    private let connection: Connection
    private let curl: Curl

    /// A client that connects with its first request.
    ///
    /// - Parameter bearerToken: goes with every request, as RFC 6750 has it.
    /// - Parameter connectTimeout: for finding the address, the connection and TLS together.
    public init(
        _ endpoint: Endpoint, bearerToken: String? = nil, connectTimeout: Duration = .seconds(5)
    ) {
        self.endpoint = endpoint
        self.bearerToken = bearerToken
        connection = Connection(endpoint)
        curl = Curl(connection, connectTimeout: connectTimeout)
    }

    /// Sends a request with a small body or none, and waits for the answer.
    ///
    /// A kept connection may die just when it is used again; the request is then sent once more on a
    /// new one, if its method is idempotent.
    public func send(_ request: HTTPRequest) throws(HTTPClientError) -> HTTPResponse {
        try run(request)
    }

    /// Sends a request whose body comes from a source, chunked, and waits for the answer.
    ///
    /// The source is asked on this thread, once the peer has said that it wants the body (or nothing,
    /// for ten seconds): a refusal comes before a byte is taken from it. An answer that comes while the
    /// body is being sent ends it, and counts. The request's timeout does not wake a source that
    /// blocks; its `body` is not used.
    public func upload(
        _ request: HTTPRequest, from source: any UploadSource
    ) throws(HTTPClientError) -> HTTPResponse {
        try run(request, from: source)
    }

    /// Sends a request, puts the body of a success into a sink as it comes, and waits for its end.
    ///
    /// The answer of a success has no body, but its trailer; one that is none has its body as usual.
    /// The sink is asked on this thread.
    public func download(
        _ request: HTTPRequest, to sink: any DownloadSink
    ) throws(HTTPClientError) -> HTTPResponse {
        try run(request, to: sink)
    }

    /// Ends the request that runs, and lets no other begin; from any thread, once and for all.
    ///
    /// Never blocks. Who waits for an answer gets ``HTTPClientError/Kind/aborted`` at once; a source is
    /// woken by its watch. Finding out the address of a name is not interrupted.
    public func cut() {
        connection.cut()
        curl.wakeUp()
    }

    private func run(
        _ request: HTTPRequest, from source: (any UploadSource)? = nil,
        to sink: (any DownloadSink)? = nil
    ) throws(HTTPClientError) -> HTTPResponse {
        var request = request
        if let bearerToken { request.fields.append(("Authorization", "Bearer \(bearerToken)")) }
        let transfer = Transfer(request, from: source, to: sink, on: connection)
        guard request.isWellFormed else { throw transfer.error(.connect, "it is no HTTP request") }
        guard connection.beginTurn() else { throw transfer.error(.aborted, "the client was cut") }
        defer { connection.endTurn() }
        let outcome = curl.run(transfer)
        if let response = outcome.response { return response }
        throw transfer.error(outcome)
    }
}
