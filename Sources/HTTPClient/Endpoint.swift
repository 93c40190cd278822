public import SystemPackage

/// Where a server listens.
public enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// HTTP over TCP: a name or an address (IPv6 without brackets), and a port.
    case http(host: String, port: UInt16)
    /// HTTP over TLS. The server's certificate has to be one that this machine trusts.
    case https(host: String, port: UInt16)
    /// HTTP over the Unix socket at a path.
    case unix(FilePath)

    /// Reads `http://host:8440`, `https://[::1]:8440` or `unix:/run/ferry.sock`.
    ///
    /// Without a port it is the scheme's own, 80 or 443. A path is none of an endpoint's business, so
    /// nothing may follow but one slash.
    public init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = FilePath(String(text.dropFirst(5)))
            guard path.isAbsolute, path.lastComponent != nil, !text.utf8.contains(0) else {
                return nil
            }
            self = .unix(path)
        } else if let (host, port) = Self.authority(of: text, after: "http://") {
            self = .http(host: host, port: port ?? 80)
        } else if let (host, port) = Self.authority(of: text, after: "https://") {
            self = .https(host: host, port: port ?? 443)
        } else {
            return nil
        }
    }

    /// The form that it is read from.
    public var description: String {
        switch self {
        case .http(let host, let port): "http://\(Self.bracketed(host)):\(port)"
        case .https(let host, let port): "https://\(Self.bracketed(host)):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// What a request's URL begins with; a Unix socket has no name of its own in it.
    var origin: String {
        if case .unix = self { "http://localhost" } else { description }
    }

    private static func bracketed(_ host: String) -> String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
    }

    private static func authority(
        of text: String, after scheme: String
    ) -> (host: String, port: UInt16?)? {
        guard text.hasPrefix(scheme) else { return nil }
        var rest = text.dropFirst(scheme.count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        let host: Substring
        if rest.hasPrefix("["), let end = rest.firstIndex(of: "]") {
            host = rest[..<end].dropFirst()
            rest = rest[end...].dropFirst()
            guard host.utf8.allSatisfy(isPartOfIPv6), host.contains(":") else { return nil }
        } else {
            host = rest.prefix { $0 != ":" }
            rest = rest[host.endIndex...]
            guard host.utf8.allSatisfy(isPartOfName) else { return nil }
        }
        if host.isEmpty { return nil }
        if rest.isEmpty { return (String(host), nil) }
        guard rest.hasPrefix(":"), rest.dropFirst().utf8.allSatisfy(isDigit),
            let port = UInt16(rest.dropFirst()), port > 0
        else { return nil }
        return (String(host), port)
    }
}

private func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

private func isPartOfName(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        || [UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_")].contains(byte)
}

private func isPartOfIPv6(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
        || [UInt8(ascii: ":"), UInt8(ascii: ".")].contains(byte)
}
