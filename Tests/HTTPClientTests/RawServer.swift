import Glibc
import HTTPClient
import SystemCalls
import SystemPackage

/// A server that says whatever a test wants it to, on one connection after the other.
final class RawServer: Sendable {
    typealias Script = @Sendable (borrowing RawConnection) -> Void

    let endpoint: Endpoint
    private let ended: EventDescriptor
    private let count = Locked(0)

    /// Plays each script on a connection of its own, then accepts no more.
    init(_ scripts: Script...) throws {
        let socket = try ListeningSocket(.ipv4("127.0.0.1", port: 0))
        guard case .ipv4(let host, let port) = socket.address else { throw Errno.badAddress }
        endpoint = .http(host: host, port: port)
        ended = try EventDescriptor()
        try Thread(name: "raw server") { [ended, count] in
            for script in scripts {
                var accepted = try? socket.accept()
                while accepted == nil {
                    if poll(ended.borrowed, for: .readable, timeout: .milliseconds(2)) != nil {
                        return
                    }
                    accepted = try? socket.accept()
                }
                if let socket = accepted.take() {
                    count.change { $0 += 1 }
                    script(RawConnection(socket: socket, ended: ended))
                }
            }
        }.detach()
    }

    deinit {
        ended.signal()
    }

    /// How many connections there were.
    var connections: Int {
        count.withLock { $0 }
    }
}

/// The server's end of a connection.
struct RawConnection: ~Copyable, Sendable {
    let socket: OwnedFileDescriptor
    let ended: EventDescriptor

    /// Reads up to the end of a header, or of the connection; answers what came.
    @discardableResult
    func readHead() -> String {
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard let more = read(1), !more.isEmpty else { break }
            bytes += more
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads so many bytes, or to the end of the connection.
    func skip(_ count: Int) {
        var left = count
        while left > 0, let more = read(min(left, 1 << 16)), !more.isEmpty { left -= more.count }
    }

    func say(_ text: String) {
        socket.sendNow(Array(text.utf8))
    }

    /// Says so again and again until the peer has had enough.
    func repeatEndlessly(_ text: String) {
        let text = Array(String(repeating: text, count: 100).utf8)
        let nothing: [UInt8] = []
        while sendAll(
            nothing.span.bytes, text.span.bytes, nothing.span.bytes, on: socket.borrowed,
            while: { goesOn })
        {}
    }

    /// Waits until the peer closes or the test is over, and reads nothing.
    func waitForEnd() {
        var entries: [2 of PollEntry] = [
            PollEntry(ended.borrowed, .readable), PollEntry(socket.borrowed, .peerClosed),
        ]
        var span = entries.mutableSpan
        poll(&span, timeout: nil)
    }

    private var goesOn: Bool {
        poll(ended.borrowed, for: .readable, timeout: .zero) == nil
    }

    private func read(_ count: Int) -> [UInt8]? {
        while goesOn {
            if poll(socket.borrowed, for: .readable, timeout: .milliseconds(100)) != nil {
                do {
                    if let bytes = try socket.takeArrived(upTo: count) { return bytes }
                } catch {
                    return nil
                }
            }
        }
        return nil
    }
}

/// The answer with a body that is text.
func answer(_ status: String, _ body: String = "", _ fields: String = "") -> String {
    "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
}
