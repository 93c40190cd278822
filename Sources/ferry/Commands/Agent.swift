import HTTPClient
import JSON
import SystemCalls

/// What an agent answered.
struct Answer {
    let status: Int
    let value: JSONValue
    let bytes: [UInt8]
    let entityTag: String?

    subscript(name: String) -> JSONValue? { value[name] }
}

/// An agent's API.
struct Agent {
    static let defaultURL = "http://127.0.0.1:8440"

    let endpoint: Endpoint
    private let http: HTTPClient

    init(_ endpoint: Endpoint) {
        self.endpoint = endpoint
        http = HTTPClient(endpoint)
    }

    /// A connection of its own, for a stream: requests wait for each other on one.
    func streamClient() -> HTTPClient { HTTPClient(endpoint) }

    /// Sends a request and answers what comes, which is no problem.
    ///
    /// - Parameter timeout: for an answer; a request that may take long waits in pieces.
    func send(
        _ method: String, _ path: String, _ body: JSONValue? = nil,
        _ fields: [(name: String, value: String)] = [], timeout: Duration = .seconds(60)
    ) throws(Failure) -> Answer {
        let type = body == nil ? [] : [("Content-Type", "application/json")]
        let request = HTTPRequest(
            method, path, fields + type, body: body?.encoded(), timeout: timeout)
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try http.send(request)
        } catch {
            throw unreachable(error)
        }
        return try answer(to: response)
    }

    func get(_ path: String) throws(Failure) -> Answer {
        try send("GET", path)
    }

    /// Does something again and again while the agent cannot be reached: it may be starting anew.
    func insist<Result>(
        for patience: Duration, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let deadline = ContinuousClock.now + patience
        while true {
            do throws(Failure) {
                return try body()
            } catch {
                guard error.exit == Exit.unreachable, .now < deadline else { throw error }
                Thread.sleep(for: .milliseconds(500))
            }
        }
    }

    /// All pages of a list.
    func items(of path: String) throws(Failure) -> [JSONValue] {
        var items: [JSONValue] = []
        var query = "?limit=500"
        while true {
            let page = try get(path + query)
            items += page["items"]?.values ?? []
            guard let token = page["next_page_token"]?.text else { return items }
            query = "?limit=500&page_token=\(percentEncoded(token))"
        }
    }

    /// Judges an answer.
    func answer(to response: HTTPResponse) throws(Failure) -> Answer {
        let value = try? JSONValue(decoding: response.body)
        let answer = Answer(
            status: response.status, value: value ?? .null, bytes: response.body,
            entityTag: response["ETag"])
        guard response.status >= 300 || value == nil && !response.body.isEmpty else {
            return answer
        }
        guard let detail = answer["detail"]?.text, let code = answer["code"]?.text else {
            throw Failure(
                explanation: "what answers at \(endpoint) is no agent: status \(response.status)",
                exit: Exit.unreachable)
        }
        throw Failure(explanation: "\(detail) (\(code))", problem: answer)
    }

    /// The request has no answer.
    func unreachable(_ error: HTTPClientError) -> Failure {
        let isThere = error.kind != .connect
        let what = isThere ? "did not answer" : "cannot be reached"
        return Failure(
            explanation: "the agent at \(endpoint) \(what): \(error.reason)",
            exit: Exit.unreachable,
            advice: isThere
                ? "It may have done what was asked: look before you repeat it."
                : "Is it running? Say where it is by --agent or $FERRY_AGENT.",
            mayHaveArrived: isThere)
    }

    /// What the agent's page on a problem says, without its title.
    func advice(on failure: Failure) -> String? {
        guard let code = failure.code else { return nil }
        let path = "/problems/\(percentEncoded(code))"
        let request = HTTPRequest("GET", path, timeout: .seconds(5))
        guard let page = try? http.send(request), page.status == 200 else { return nil }
        let lines = String(decoding: page.body, as: UTF8.self).split(separator: "\n")
        return lines.dropFirst(2).joined(separator: "\n") + "\nSee \(path)."
    }
}

/// A name as a part of a path or a query. Source: RFC 3986, section 2.3.
func percentEncoded(_ text: String) -> String {
    text.utf8.map { byte in
        let scalar = UnicodeScalar(byte)
        if scalar.isASCII, scalar.properties.isAlphabetic || "0123456789-._~:".utf8.contains(byte) {
            return String(scalar)
        }
        let digits = String(byte, radix: 16, uppercase: true)
        return "%" + (digits.count < 2 ? "0" : "") + digits
    }.joined()
}
