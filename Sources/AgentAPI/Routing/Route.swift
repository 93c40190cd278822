internal import HTTPServer

/// One operation of the API: what openapi.yaml calls an operation.
struct Route: Sendable {
    let method: String
    /// The path with its parameters in braces: `/v1/devices/{id}/state`.
    let path: String
    /// The parameters that its query may have.
    let query: Set<String>
    let action: Action
    /// The segments of the path; a parameter is nil.
    private let pattern: [String?]

    /// What the operation does, and with which kind of body.
    enum Action: Sendable {
        /// It has no body.
        case answer(@Sendable (AgentAPI, Request) throws(Problem) -> Response)
        /// Its body is a JSON object.
        case json(@Sendable (AgentAPI, Request, inout ObjectReader) throws(Problem) -> Response)
        /// Its body goes to a sink.
        case upload(@Sendable (AgentAPI, Request) throws(Problem) -> any UploadSink)
    }

    init(_ method: String, _ path: String, query: Set<String> = [], _ action: Action) {
        self.method = method
        self.path = path
        self.query = query
        self.action = action
        pattern = path.dropFirst().split(separator: "/").map { segment in
            segment.hasPrefix("{") ? nil : String(segment)
        }
    }

    /// Its first parameter is a device.
    var isOfDevice: Bool { path.hasPrefix("/v1/devices/{") }

    /// The parameters of a path that this route matches, in their order; nil if it does not.
    func match(_ segments: [String]) -> [String]? {
        guard segments.count == pattern.count else { return nil }
        var parameters: [String] = []
        for (segment, expected) in zip(segments, pattern) {
            if let expected {
                if segment != expected { return nil }
            } else {
                parameters.append(segment)
            }
        }
        return parameters
    }
}
