import Glibc
import HTTPClient
import SystemCalls
import Testing

@Suite("Small requests", .serialized)
struct RequestTests {
    @Test("are answered over TCP and over a Unix socket")
    func both() throws {
        let server = try TestServer()
        for endpoint in [server.tcp, server.unix] {
            let client = HTTPClient(endpoint, bearerToken: "secret")
            let body = Array("{}".utf8)
            let fields = [("Content-Type", "application/json"), ("X-Empty", "")]
            for method in ["POST", "PUT", "PATCH"] {
                let response = try client.send(
                    HTTPRequest(method, "/echo?x=%20", fields, body: body))
                #expect(response.status == 404)
                let echo = try client.send(HTTPRequest(method, "/echo", fields, body: body))
                #expect(echo.status == 200)
                #expect(echo.body == body)
                #expect(echo["x-method"] == method)
                #expect(echo["X-Got-Authorization"] == "<Bearer secret>")
                #expect(echo["X-Got-Content-Type"] == "<application/json>")
                #expect(echo["X-Got-Content-Length"] == "<2>")
                #expect(echo["X-Got-X-Empty"] == "<>")
                #expect(echo["X-Got-Expect"] == nil)
            }
        }
    }

    @Test("without a body say so where it could be missing, and claim no type")
    func empty() throws {
        let server = try TestServer()
        let client = HTTPClient(server.tcp)
        for (method, length) in [("POST", "<0>"), ("PUT", "<0>"), ("GET", nil), ("DELETE", nil)] {
            let echo = try client.send(HTTPRequest(method, "/echo"))
            #expect(echo["X-Method"] == method)
            #expect(echo["X-Got-Content-Length"] == length)
            #expect(echo["X-Got-Content-Type"] == nil)
        }
        let head = try client.send(HTTPRequest("HEAD", "/nowhere"))
        #expect(head.status == 404)
        #expect(head.body.isEmpty)
    }

    @Test("of a megabyte go out without waiting for a word")
    func large() throws {
        let server = try TestServer()
        let client = HTTPClient(server.tcp)
        let body = [UInt8](repeating: 7, count: 1 << 20)
        let echo = try client.send(HTTPRequest("POST", "/echo", body: body))
        #expect(echo.body == body)
        #expect(echo["X-Got-Expect"] == nil)
    }

    @Test("follow no redirect, and take an error for an answer")
    func statuses() throws {
        let server = try TestServer()
        let client = HTTPClient(server.unix)
        let moved = try client.send(HTTPRequest("GET", "/moved"))
        #expect(moved.status == 302)
        #expect(moved["location"] == "/hello")
        let unknown = try client.send(HTTPRequest("GET", "/../nowhere"))
        #expect(unknown.status == 404)
        #expect(unknown.body == Array("no such thing".utf8))
    }

    @Test("share one connection, threads or not")
    func reuse() throws {
        let server = try RawServer { connection in
            while !connection.readHead().isEmpty { connection.say(answer("200 OK", "again")) }
        }
        let client = HTTPClient(server.endpoint)
        let done = Locked(0)
        for _ in 0..<4 {
            try Thread(name: "caller") {
                for _ in 0..<25 {
                    let body = try? client.send(HTTPRequest("GET", "/")).body
                    if body == Array("again".utf8) { done.change { $0 += 1 } }
                }
            }.detach()
        }
        #expect(done.wait(until: .now + .seconds(20)) { $0 == 100 ? true : nil } == true)
        #expect(server.connections == 1)
    }

    @Test("are sent again on a new connection when the kept one died, if that does no harm")
    func deadConnection() throws {
        let dying: RawServer.Script = { connection in
            connection.readHead()
            connection.say(answer("200 OK"))
            connection.readHead()
        }
        let living: RawServer.Script = { connection in
            connection.readHead()
            connection.say(answer("200 OK", "second"))
            connection.waitForEnd()
        }
        let server = try RawServer(dying, living)
        let client = HTTPClient(server.endpoint)
        _ = try client.send(HTTPRequest("GET", "/"))
        #expect(try client.send(HTTPRequest("GET", "/")).body == Array("second".utf8))

        let careful = try RawServer(dying, { #expect($0.readHead().isEmpty) }, living)
        let other = HTTPClient(careful.endpoint)
        _ = try other.send(HTTPRequest("POST", "/"))
        #expect(failing { try other.send(HTTPRequest("POST", "/")) }?.kind == .cut)
        #expect(try other.send(HTTPRequest("POST", "/")).status == 200)
    }

    @Test(
        "that are no HTTP are not sent",
        arguments: [
            HTTPRequest("GET", "nowhere"), HTTPRequest("GET", "/a b"), HTTPRequest("GET", "/a#b"),
            HTTPRequest("GET", "/a\r\nX: y"), HTTPRequest("GET /\r\n", "/"), HTTPRequest("", "/"),
            HTTPRequest("GET", "/", [("X", "a\r\nY: b")]), HTTPRequest("GET", "/", [("X:", "a")]),
            HTTPRequest("GET", "/", [("X", "a\0b")]),
        ])
    func malformed(_ request: HTTPRequest) throws {
        var request = request
        request.timeout = .seconds(5)
        let server = try RawServer { connection in connection.waitForEnd() }
        #expect(failing { try HTTPClient(server.endpoint).send(request) }?.kind == .connect)
        let thief = HTTPClient(server.endpoint, bearerToken: "a\r\nX: y")
        #expect(
            failing { try thief.send(HTTPRequest("GET", "/", timeout: .seconds(5))) }?.kind
                == .connect)
        #expect(server.connections == 0)
    }
}

/// How a request fails; nil if it does not.
func failing(_ request: () throws -> HTTPResponse) -> HTTPClientError? {
    do {
        _ = try request()
        return nil
    } catch {
        return error as? HTTPClientError
    }
}
