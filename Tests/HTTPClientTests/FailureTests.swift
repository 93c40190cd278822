import HTTPClient
import SystemCalls
import SystemPackage
import Testing

@Suite("A peer that fails", .serialized)
struct FailureTests {
    @Test("is not there: nothing was sent")
    func refused() throws {
        let socket = try ListeningSocket(.ipv4("127.0.0.1", port: 0))
        guard case .ipv4(let host, let port) = socket.address else { return }
        let busy = HTTPClient(.https(host: host, port: port), connectTimeout: .milliseconds(100))
        #expect(failing { try busy.send(HTTPRequest("POST", "/")) }?.kind == .connect)
        let plain = try RawServer { connection in connection.repeatEndlessly("no TLS here") }
        guard case .http(_, let port) = plain.endpoint else { return }
        let missing = FilePath("/tmp/ferry-no-such.sock")
        let long = FilePath("/tmp/" + String(repeating: "x", count: 200))
        for endpoint: Endpoint in [
            .http(host: "127.0.0.1", port: 1), .unix(missing), .unix(long),
            .http(host: "no-such-host.invalid", port: 80), .https(host: "127.0.0.1", port: port),
        ] {
            let failure = failing { try HTTPClient(endpoint).send(HTTPRequest("GET", "/x")) }
            #expect(failure?.kind == .connect, "\(endpoint)")
            #expect(failure?.reason.hasPrefix("GET \(endpoint)/x: ") == true)
        }
    }

    @Test("says nothing: time runs out")
    func timeout() throws {
        let server = try RawServer { connection in connection.waitForEnd() }
        let request = HTTPRequest("GET", "/", timeout: .milliseconds(100))
        #expect(failing { try HTTPClient(server.endpoint).send(request) }?.kind == .timeout)
    }

    @Test(
        "does not speak HTTP",
        arguments: [
            "garbage\r\n\r\n", "SSH-2.0-x\r\n", "HTTP/0.9 yes\r\n\r\n", "\0\0\0\0\0\0\0\0\r\n\r\n",
            "HTTP/1.1 099 Early\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        ])
    func garbage(_ text: String) throws {
        let server = try RawServer { connection in
            connection.readHead()
            connection.say(text)
        }
        let failure = failing { try HTTPClient(server.endpoint).send(HTTPRequest("GET", "/")) }
        #expect(failure?.kind == .protocol, "\(String(describing: failure))")
    }

    @Test(
        "breaks off",
        arguments: [
            "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123",
        ])
    func truncated(_ text: String) throws {
        let server = try RawServer { connection in
            connection.readHead()
            connection.say(text)
        }
        let failure = failing { try HTTPClient(server.endpoint).send(HTTPRequest("GET", "/")) }
        #expect(failure?.kind == .cut, "\(String(describing: failure))")
    }

    @Test(
        "does not come to an end",
        arguments: [
            ("HTTP/1.1 200 OK\r\n", "X-Field: value\r\n"), ("HTTP/1.1 200 OK\r\nX: ", "y"),
            ("", "HTTP/1.1 102 Processing\r\n\r\n"), ("", "x"),
            ("HTTP/1.1 200 OK\r\n\r\n", "body"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nbody\r\n"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n"),
        ])
    func endless(_ start: String, _ rest: String) throws {
        let server = try RawServer { connection in
            connection.readHead()
            connection.say(start)
            connection.repeatEndlessly(rest)
        }
        let request = HTTPRequest("GET", "/", timeout: .seconds(20))
        let failure = failing { try HTTPClient(server.endpoint).send(request) }
        #expect(failure?.kind == .protocol, "\(String(describing: failure))")
    }

    @Test("says more than is taken")
    func tooLarge() throws {
        let server = try TestServer()
        let client = HTTPClient(server.tcp)
        #expect(failing { try client.send(HTTPRequest("GET", "/large")) }?.kind == .protocol)
        #expect(try client.send(HTTPRequest("POST", "/echo")).status == 200)
    }
}
