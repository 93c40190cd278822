import Glibc
import SystemCalls
import SystemPackage
import Testing

@Suite("Addresses and sockets", .serialized)
struct SocketTests {
    @Test(
        "are written as they are read",
        arguments: ["127.0.0.1:8440", "[::1]:0", "unix:/run/ferry.sock", "0.0.0.0:80"])
    func addresses(_ text: String) {
        #expect(SocketAddress(text)?.description == text)
    }

    @Test(
        "are refused where they are none",
        arguments: [
            "", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1", "host:80", "::1:80",
            "[::1]", "[x]:80", "unix:", "unix:relative", ":80", "1.2.3:80",
        ])
    func badAddresses(_ text: String) {
        #expect(SocketAddress(text) == nil)
    }

    @Test("know what stays on this machine")
    func local() {
        for text in ["127.0.0.1:1", "127.1.2.3:1", "[::1]:1", "unix:/x", "localhost:1"] {
            #expect(SocketAddress(text)?.isLocal == true, "\(text)")
        }
        for text in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:127.0.0.1]:1"] {
            #expect(SocketAddress(text)?.isLocal == false, "\(text)")
        }
    }

    @Test("get the port that the kernel chose, and a port that is taken is refused")
    func ports() throws {
        let socket = try ListeningSocket(try #require(SocketAddress("127.0.0.1:0")))
        guard case .ipv4(_, let port) = socket.address else {
            Issue.record("no port")
            return
        }
        #expect(port != 0)
        #expect(throws: Errno.addressInUse) { _ = try ListeningSocket(socket.address) }
    }

    @Test("of Unix have mode 0600, replace a stale one, spare a live one, and go with the agent")
    func unix() throws {
        let path = FilePath("/tmp/ferry-test-\(getpid()).sock")
        let address = SocketAddress.unix(path)
        do {
            let socket = try ListeningSocket(address)
            #expect(try Stat(path).permissions.rawValue == 0o600)
            #expect(throws: Errno.addressInUse) { _ = try ListeningSocket(address) }
            _ = socket.borrowed
        }
        #expect(access(path.string, F_OK) == -1)
        // A socket that nobody answers on is what a killed agent leaves behind.
        let stale = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var form = sockaddr_un()
        form.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &form.sun_path) { $0.copyBytes(from: path.string.utf8) }
        let bound = withUnsafePointer(to: &form) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(stale, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(stale)
        let socket = try ListeningSocket(address)
        #expect(try socket.accept() == nil)
    }

    @Test("of Unix spare a file that is no socket, and say when a path is too long")
    func notSockets() throws {
        let path = FilePath("/tmp/ferry-test-\(getpid()).file")
        close(creat(path.string, 0o600))
        defer { unlink(path.string) }
        #expect(throws: Errno.addressInUse) { _ = try ListeningSocket(.unix(path)) }
        #expect(access(path.string, F_OK) == 0)
        let long = FilePath("/tmp/" + String(repeating: "x", count: 120))
        #expect(throws: Errno.fileNameTooLong) { _ = try ListeningSocket(.unix(long)) }
    }
}
