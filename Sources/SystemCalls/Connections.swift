internal import Glibc
public import SystemPackage

extension OwnedFileDescriptor {
    /// What has arrived on a connection, up to so many bytes, without taking it; none at its end,
    /// nil if nothing is there yet.
    ///
    /// Corresponds to recv(2) with `MSG_PEEK`. Never blocks.
    public func peek(upTo count: Int) throws(Errno) -> [UInt8]? {
        try receive(upTo: count, CInt(MSG_PEEK | MSG_DONTWAIT))
    }

    /// Takes what has arrived on a connection, up to so many bytes; nil if nothing is there yet.
    ///
    /// Corresponds to recv(2). Never blocks.
    public func takeArrived(upTo count: Int) throws(Errno) -> [UInt8]? {
        try receive(upTo: count, CInt(MSG_DONTWAIT))
    }

    /// Sends what the connection takes at once.
    ///
    /// Corresponds to send(2). Never blocks; a peer that has gone is an error, not a signal.
    public func sendNow(_ bytes: [UInt8]) {
        let number = self.number
        _ = unsafe bytes.withUnsafeBytes {
            unsafe send(
                number, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT | MSG_NOSIGNAL))
        }
    }

    /// Has the kernel find out that a silent peer is dead, within about half a minute.
    ///
    /// Corresponds to tcp(7), `TCP_KEEPIDLE`; no more than a wish on a Unix socket.
    public func keepAlive() {
        let options: [(CInt, CInt, CInt)] = [
            (SOL_SOCKET, SO_KEEPALIVE, 1), (CInt(IPPROTO_TCP), TCP_KEEPIDLE, 15),
            (CInt(IPPROTO_TCP), TCP_KEEPINTVL, 5), (CInt(IPPROTO_TCP), TCP_KEEPCNT, 3),
        ]
        for (level, name, value) in options {
            var value = value
            let size = socklen_t(MemoryLayout<CInt>.size)
            _ = unsafe setsockopt(number, level, name, &value, size)
        }
    }

    private func receive(upTo count: Int, _ flags: CInt) throws(Errno) -> [UInt8]? {
        let number = self.number
        var bytes = [UInt8](repeating: 0, count: count)
        do throws(Errno) {
            let used = try call {
                unsafe bytes.withUnsafeMutableBytes {
                    unsafe recv(number, $0.baseAddress, $0.count, flags)
                }
            }
            return Array(bytes[..<used])
        } catch .resourceTemporarilyUnavailable {
            return nil
        } catch {
            throw error
        }
    }
}

/// Sends three pieces of memory, one behind the other, on a connection that somebody else owns.
///
/// Blocks while the peer takes its time, and asks every half a second whether it should go on. Answers
/// false if it should not, if the peer has gone or if the connection broke; then any part of the bytes
/// may have gone out. Allocates nothing.
///
/// Corresponds to sendmsg(2), and poll(2) for `POLLOUT` and `POLLRDHUP`.
public func sendAll(
    _ head: RawSpan, _ body: RawSpan, _ tail: RawSpan, on connection: FileDescriptor,
    while goesOn: () -> Bool
) -> Bool {
    let total = head.byteCount + body.byteCount + tail.byteCount
    var sent = 0
    while sent < total {
        let count = unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: 3) { parts in
            var skipped = sent
            unsafe parts.initializeElement(at: 0, to: part(of: head, skipping: &skipped))
            unsafe parts.initializeElement(at: 1, to: part(of: body, skipping: &skipped))
            unsafe parts.initializeElement(at: 2, to: part(of: tail, skipping: &skipped))
            return unsafe sendSome(parts, on: connection)
        }
        guard let count else { return false }
        sent += count
        if count == 0 && !waitUntilWritable(connection, while: goesOn) { return false }
    }
    return true
}

/// What is left of a piece behind the bytes that are to be skipped.
private func part(of piece: RawSpan, skipping skipped: inout Int) -> iovec {
    let start = min(skipped, piece.byteCount)
    skipped -= start
    return unsafe piece.withUnsafeBytes { bytes in
        unsafe iovec(
            iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress?.advanced(by: start)),
            iov_len: bytes.count - start)
    }
}

/// Sends as much as the connection takes now; nil when it takes nothing any more.
private func sendSome(_ parts: UnsafeMutableBufferPointer<iovec>, on connection: FileDescriptor)
    -> Int?
{
    var message = unsafe msghdr()
    unsafe message.msg_iov = parts.baseAddress
    unsafe message.msg_iovlen = parts.count
    do throws(Errno) {
        return try call {
            unsafe sendmsg(connection.rawValue, &message, CInt(MSG_DONTWAIT | MSG_NOSIGNAL))
        }
    } catch {
        return error == .resourceTemporarilyUnavailable ? 0 : nil
    }
}

private func waitUntilWritable(_ connection: FileDescriptor, while goesOn: () -> Bool) -> Bool {
    while goesOn() {
        let events: PollEntry.Events = [.writable, .peerClosed]
        if let seen = poll(connection, for: events, timeout: ConnectionWatch.interval) {
            return seen == .writable
        }
    }
    return false
}

/// Ends both directions of a connection that somebody else owns and will close.
///
/// Corresponds to shutdown(2).
public func shutDown(_ connection: FileDescriptor) {
    _ = shutdown(connection.rawValue, CInt(SHUT_RDWR))
}

/// Says that nothing more is sent, and throws away what still comes, for a moment at most.
///
/// Closing a connection with unread bytes resets it, and the peer loses the answer that it has not read
/// yet. Blocks until the peer closes, for two seconds at most.
///
/// Corresponds to shutdown(2), recv(2). Source: RFC 9112, section 9.6.
public func linger(on connection: FileDescriptor) {
    _ = shutdown(connection.rawValue, CInt(SHUT_WR))
    let deadline = ContinuousClock.now + .seconds(2)
    var ignored = [UInt8](repeating: 0, count: 64 << 10)
    while ContinuousClock.now < deadline,
        poll(connection, for: .readable, timeout: deadline - .now) != nil
    {
        let count = unsafe ignored.withUnsafeMutableBytes {
            unsafe recv(connection.rawValue, $0.baseAddress, $0.count, CInt(MSG_DONTWAIT))
        }
        if count <= 0 { return }
    }
}
