/// Why a request is refused before anything of it is believed.
///
/// libmicrohttpd takes what RFC 9112 forbids: a second Content-Length is ignored and the rest of the
/// body *executed as a new request*. Whoever stands between client and agent may have seen another
/// request than the agent does.
public enum FramingFault: Error, Hashable, Sendable {
    /// More than one Content-Length.
    case repeatedContentLength
    /// Content-Length with Transfer-Encoding.
    case lengthAndEncoding
    /// A Transfer-Encoding other than `chunked`.
    case transferEncoding(String)
    /// HTTP/1.1 without Host, or more than one Host.
    case host
    /// A field name that is no token, or that only looks like one of those that frame a request.
    case fieldName(String)
    /// HTTP/1.0 with Transfer-Encoding, which that version does not have.
    case encodingInHTTP10

    /// What is wrong, in words.
    public var reason: String {
        switch self {
        case .repeatedContentLength: "it has more than one Content-Length"
        case .lengthAndEncoding: "it has both Content-Length and Transfer-Encoding"
        case .transferEncoding(let value): "its Transfer-Encoding is '\(value)', not 'chunked'"
        case .host: "it does not have exactly one Host"
        case .fieldName(let name): "'\(name)' is no field name"
        case .encodingInHTTP10: "HTTP/1.0 has no Transfer-Encoding"
        }
    }
}

extension RequestHead {
    /// Refuses a request whose body or addressee could be read in two ways.
    ///
    /// Source: RFC 9112, sections 3.2, 6.1 and 6.3.
    func checkFraming() throws(FramingFault) {
        let lengths = fields.all("Content-Length")
        let encodings = fields.all("Transfer-Encoding")
        if lengths.count > 1 { throw .repeatedContentLength }
        if !lengths.isEmpty && !encodings.isEmpty { throw .lengthAndEncoding }
        if isHTTP10 && !encodings.isEmpty { throw .encodingInHTTP10 }
        if encodings.count > 1 || encodings.contains(where: { $0.lowercased() != "chunked" }) {
            throw .transferEncoding(encodings.joined(separator: ", "))
        }
        let hosts = fields.all("Host")
        if hosts.count > 1 || hosts.isEmpty && !isHTTP10 { throw .host }
        for name in fields.names where !name.isFieldName { throw .fieldName(name) }
    }
}

extension String {
    // A name such as "content-length " or "transfer-encoding\n" is what the library makes of a space
    // before the colon or of a folded line.
    fileprivate var isFieldName: Bool {
        guard !isEmpty, utf8.allSatisfy(\.isTokenByte) else { return false }
        let name = lowercased()
        return ["content-length", "transfer-encoding"].allSatisfy { framing in
            !name.hasPrefix(framing) || name == framing
        }
    }
}

extension UInt8 {
    // Source: RFC 9110, section 5.6.2.
    fileprivate var isTokenByte: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(self)
        }
    }
}
