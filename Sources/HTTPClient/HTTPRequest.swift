/// A request, as it is put to an endpoint.
public struct HTTPRequest: Sendable {
    /// The method: `GET`.
    public var method: String
    /// The path and what follows it, percent-encoded, from the first slash on.
    public var path: String
    /// The fields of the header, in their order; `Host`, the framing and the credentials are added.
    public var fields: [(name: String, value: String)]
    /// What follows the header; nil for nothing.
    public var body: [UInt8]?
    /// How long all of it may take, the connection included; nil for as long as it takes.
    public var timeout: Duration?

    /// A request to an endpoint.
    public init(
        _ method: String, _ path: String, _ fields: [(name: String, value: String)] = [],
        body: [UInt8]? = nil, timeout: Duration? = nil
    ) {
        self.method = method
        self.path = path
        self.fields = fields
        self.body = body
        self.timeout = timeout
    }

    /// Sending it twice does what sending it once does.
    ///
    /// Source: RFC 9110, section 9.2.2.
    var isIdempotent: Bool {
        ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].contains(method)
    }

    /// It says how long its body is even if there is none.
    ///
    /// Source: RFC 9110, section 8.6.
    var announcesBody: Bool {
        body != nil || ["POST", "PUT", "PATCH"].contains(method)
    }

    /// It can be written down as HTTP, and nobody gets to write a line of their own into it.
    var isWellFormed: Bool {
        path.hasPrefix("/") && !path.contains("#") && isToken(method)
            && path.utf8.allSatisfy { (0x21...0x7e).contains($0) }
            && fields.allSatisfy { isToken($0.name) && $0.value.utf8.allSatisfy(isInValue) }
    }
}

/// Source: RFC 9110, section 5.6.2.
private func isToken(_ text: String) -> Bool {
    !text.isEmpty
        && text.utf8.allSatisfy {
            (0x21...0x7e).contains($0) && !"\"(),/:;<=>?@[\\]{}".utf8.contains($0)
        }
}

/// Source: RFC 9110, section 5.5.
private func isInValue(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != 0x7f || byte == 0x09
}
