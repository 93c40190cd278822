public import SystemCalls

/// A request without its body.
public struct RequestHead: Sendable {
    /// The method as it was sent: `GET`.
    public let method: String
    /// The target as it was sent.
    public let rawTarget: String
    /// The client speaks HTTP/1.0: it cannot tell a broken stream from a whole one.
    public let isHTTP10: Bool
    /// The fields of the header.
    public let fields: HeaderFields
    /// Tells whether the client is still there.
    public let watch: ConnectionWatch

    /// A request without its body.
    public init(
        method: String, rawTarget: String, isHTTP10: Bool = false,
        fields: HeaderFields = HeaderFields(), watch: ConnectionWatch = .none
    ) {
        self.method = method
        self.rawTarget = rawTarget
        self.isHTTP10 = isHTTP10
        self.fields = fields
        self.watch = watch
    }

    /// How long the body is.
    public enum BodyLength: Hashable, Sendable {
        /// There is none.
        case none
        /// So many bytes.
        case known(UInt64)
        /// Its end will be seen when it comes.
        case chunked
    }

    /// How long the body is.
    public var bodyLength: BodyLength {
        if fields["Transfer-Encoding"] != nil { return .chunked }
        guard let length = fields["Content-Length"].flatMap({ UInt64($0) }), length > 0 else {
            return .none
        }
        return .known(length)
    }

    /// The client waits for a word before it sends the body.
    public var expectsContinue: Bool {
        fields["Expect"] != nil
    }
}
