internal import HTTPServer
internal import JSON

/// What went wrong, as the client hears it. Source: RFC 9457.
struct Problem: Error, Sendable {
    let slug: ProblemSlug
    /// One sentence: what was tried, on what, and why it failed.
    let detail: String
    /// Members besides those that every problem has.
    var extras = JSONObject()
    /// Fields of the header besides those that every response has.
    var fields: [(name: String, value: String)] = []

    init(_ slug: ProblemSlug, _ detail: String, _ extras: JSONObject = [:]) {
        self.slug = slug
        self.detail = detail
        self.extras = extras
        if slug.status == 503 { fields.append(("Retry-After", "1")) }
    }

    /// Something in the request's body is wrong.
    static func invalid(at pointer: String, _ detail: String) -> Problem {
        Problem(.invalidRequest, detail, ["pointer": .string(pointer)])
    }

    /// A parameter or field of the request is wrong.
    static func invalid(parameter: String, _ detail: String) -> Problem {
        Problem(.invalidRequest, detail, ["parameter": .string(parameter)])
    }

    /// The problem as it stands in a body of its own, or in another resource.
    func json(requestID: String? = nil) -> JSONValue {
        var object: JSONObject = [
            "type": .string("/problems/\(slug.rawValue)"), "title": .string(slug.title),
            "status": .integer(Int64(slug.status)), "detail": .string(detail),
            "code": .string(slug.rawValue), "request_id": requestID.map(JSONValue.string),
            "retryable": .bool(slug.isRetryable),
        ]
        for member in extras.members { object[member.name] = member.value }
        return .object(object)
    }

    func response(requestID: String) -> Response {
        Response(
            slug.status, [("Content-Type", "application/problem+json")] + fields,
            json(requestID: requestID).encoded())
    }
}
