internal import CCurl

/// An answer, whole.
public struct HTTPResponse: Sendable {
    /// The status code, 200 or above.
    public var status: Int
    /// The fields of the header, in their order.
    public var fields: [(name: String, value: String)]
    /// What followed the header; none of it where a sink took it.
    public var body: [UInt8]
    /// The fields of the trailer, in their order.
    public var trailers: [(name: String, value: String)] = []

    /// An answer, whole.
    public init(
        _ status: Int, _ fields: [(name: String, value: String)] = [], body: [UInt8] = []
    ) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// The value of the first field with this name; upper and lower case are one.
    public subscript(name: String) -> String? {
        Self.value(of: name, in: fields)
    }

    /// The value of the first field of the trailer with this name.
    public func trailer(_ name: String) -> String? {
        Self.value(of: name, in: trailers)
    }

    private static func value(
        of name: String, in fields: [(name: String, value: String)]
    ) -> String? {
        fields.first { unsafe curl_strequal($0.name, name) != 0 }?.value
    }
}
