internal import CLinux
internal import Glibc
public import SystemPackage

/// A socket that waits for connections; a Unix socket's path is removed when the socket goes.
public final class ListeningSocket: Sendable {
    /// The address, with the port that the kernel chose where 0 was asked for.
    public let address: SocketAddress
    private let descriptor: OwnedFileDescriptor

    /// Binds an address and listens on it.
    ///
    /// A Unix socket gets mode 0600; a path where a socket is already is taken over only if nobody
    /// answers on it. `EADDRINUSE`: somebody does, or has the port. `EACCES`, `ENOENT`: the directory
    /// of a Unix socket does not let it in, or is missing. `ENAMETOOLONG`: its path has more than 107
    /// bytes.
    public init(_ address: SocketAddress) throws(Errno) {
        let type = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let family = CInt(address.family)
        descriptor = OwnedFileDescriptor(owning: try call { socket(family, type, 0) })
        let number = descriptor.number
        if case .unix(let path) = address {
            // On Linux the mode of the socket becomes the mode of its path, without a moment between.
            try call { fchmod(number, 0o600) }
            try Self.removeStale(path, address)
        } else {
            var on: CInt = 1
            try call {
                unsafe setsockopt(
                    number, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<CInt>.size))
            }
        }
        _ = try address.withKernelForm { unsafe bind(number, $0, $1) }
        try call { listen(number, 1024) }
        self.address = address.withPort(try Self.port(of: number))
    }

    deinit {
        if case .unix(let path) = address { try? Files.remove(path) }
    }

    /// The socket, for poll(2), for as long as this object lives.
    public var borrowed: FileDescriptor {
        descriptor.borrowed
    }

    /// The next connection, close-on-exec and non-blocking; nil if nobody waits.
    ///
    /// `EMFILE`, `ENFILE`, `ENOMEM`: no room for it; it stays in the queue.
    public func accept() throws(Errno) -> OwnedFileDescriptor? {
        let number = descriptor.number
        do throws(Errno) {
            return OwnedFileDescriptor(owning: try call { ferry_accept(number) })
        } catch .resourceTemporarilyUnavailable {
            return nil
        } catch .connectionAbort {
            return nil
        } catch {
            throw error
        }
    }

    private static func removeStale(
        _ path: FilePath, _ address: SocketAddress
    ) throws(Errno) {
        guard let status = try? Stat(path, followTargetSymlink: false) else { return }
        guard status.type == .socket else { throw .addressInUse }
        let probe = OwnedFileDescriptor(
            owning: try call { socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0) })
        let number = probe.number
        do throws(Errno) {
            _ = try address.withKernelForm { unsafe connect(number, $0, $1) }
        } catch .connectionRefused {
            return try Files.remove(path)
        } catch {
            throw error
        }
        throw .addressInUse
    }

    private static func port(of number: CInt) throws(Errno) -> UInt16 {
        var form = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        try call {
            unsafe withUnsafeMutablePointer(to: &form) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe getsockname(number, $0, &length)
                }
            }
        }
        // sin_port and sin6_port stand at the same place.
        return UInt16(bigEndian: form.sin6_port)
    }
}
