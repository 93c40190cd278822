internal import Glibc
public import SystemPackage

/// An address to listen on.
public enum SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// An IPv4 address and a port.
    case ipv4(String, port: UInt16)
    /// An IPv6 address and a port.
    case ipv6(String, port: UInt16)
    /// The path of a Unix socket.
    case unix(FilePath)

    /// Reads `127.0.0.1:8440`, `[::1]:8440`, `localhost:8440` or `unix:/run/ferry.sock`.
    public init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = FilePath(String(text.dropFirst(5)))
            guard path.isAbsolute, path.lastComponent != nil else { return nil }
            self = .unix(path)
            return
        }
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        let host = text[..<colon]
        if host == "localhost" {
            self = .ipv4("127.0.0.1", port: port)
        } else if host.hasPrefix("["), host.hasSuffix("]") {
            self = .ipv6(String(host.dropFirst().dropLast()), port: port)
        } else {
            self = .ipv4(String(host), port: port)
        }
        if !isWellFormed { return nil }
    }

    /// The form that it is read from; for a TCP address the end of a URL as well.
    public var description: String {
        switch self {
        case .ipv4(let host, let port): "\(host):\(port)"
        case .ipv6(let host, let port): "[\(host)]:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Only processes of this machine can connect to it.
    public var isLocal: Bool {
        switch self {
        case .ipv4(let host, _): host.hasPrefix("127.")
        case .ipv6: withSockaddrIPv6 { $0.isLoopback } ?? false
        case .unix: true
        }
    }

    private var isWellFormed: Bool {
        switch self {
        case .ipv4(let host, _): sockaddrIPv4(host, 0) != nil
        case .ipv6: withSockaddrIPv6 { _ in true } ?? false
        case .unix: true
        }
    }

    private func withSockaddrIPv6<Result>(_ body: (sockaddr_in6) -> Result) -> Result? {
        guard case .ipv6(let host, let port) = self else { return nil }
        return sockaddrIPv6(host, port).map(body)
    }

    /// `AF_INET`, `AF_INET6` or `AF_UNIX`.
    public var family: UInt16 {
        switch self {
        case .ipv4: UInt16(AF_INET)
        case .ipv6: UInt16(AF_INET6)
        case .unix: UInt16(AF_UNIX)
        }
    }

    /// The same address with the port that the kernel has chosen.
    func withPort(_ port: UInt16) -> SocketAddress {
        switch self {
        case .ipv4(let host, _): .ipv4(host, port: port)
        case .ipv6(let host, _): .ipv6(host, port: port)
        case .unix: self
        }
    }

    /// Calls bind(2), connect(2) and their like with the address in the kernel's form.
    ///
    /// `ENAMETOOLONG`: the path of a Unix socket has more than 107 bytes.
    @safe func withKernelForm(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) throws(Errno) -> CInt {
        switch self {
        case .ipv4(let host, let port):
            guard var form = sockaddrIPv4(host, port) else { throw .invalidArgument }
            return try call { unsafe withBytes(of: &form, body) }
        case .ipv6(let host, let port):
            guard var form = sockaddrIPv6(host, port) else { throw .invalidArgument }
            return try call { unsafe withBytes(of: &form, body) }
        case .unix(let path):
            var form = sockaddr_un()
            form.sun_family = sa_family_t(AF_UNIX)
            let bytes = Array(path.string.utf8)
            let room = MemoryLayout.size(ofValue: form.sun_path)
            guard bytes.count < room else { throw .fileNameTooLong }
            unsafe withUnsafeMutableBytes(of: &form.sun_path) { unsafe $0.copyBytes(from: bytes) }
            return try call { unsafe withBytes(of: &form, body) }
        }
    }
}

extension sockaddr_in6 {
    fileprivate var isLoopback: Bool {
        let bytes = unsafe withUnsafeBytes(of: sin6_addr) { unsafe Array($0) }
        return bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
    }
}

private func sockaddrIPv4(_ host: String, _ port: UInt16) -> sockaddr_in? {
    var form = sockaddr_in()
    form.sin_family = sa_family_t(AF_INET)
    form.sin_port = port.bigEndian
    return unsafe inet_pton(AF_INET, host, &form.sin_addr) == 1 ? form : nil
}

private func sockaddrIPv6(_ host: String, _ port: UInt16) -> sockaddr_in6? {
    var form = sockaddr_in6()
    form.sin6_family = sa_family_t(AF_INET6)
    form.sin6_port = port.bigEndian
    return unsafe inet_pton(AF_INET6, host, &form.sin6_addr) == 1 ? form : nil
}

private func withBytes<Form>(
    of form: inout Form, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
) -> CInt {
    unsafe withUnsafePointer(to: &form) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe body($0, socklen_t(MemoryLayout<Form>.size))
        }
    }
}
