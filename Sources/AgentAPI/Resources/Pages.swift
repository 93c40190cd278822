internal import HTTPServer
internal import JSON

extension Response {
    /// One page of a collection.
    static func page(_ items: [JSONValue], next: String?) -> Response {
        .json(200, ["items": .array(items), "next_page_token": next.map(JSONValue.string)])
    }
}

extension Request {
    func pageSize() throws(Problem) -> Int {
        Int(try count("limit", in: Limits.pageSize) ?? Limits.defaultPageSize)
    }
}
