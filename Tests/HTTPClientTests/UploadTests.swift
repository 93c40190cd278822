import HTTPClient
import SystemCalls
import Testing

@Suite("Uploads", .serialized)
struct UploadTests {
    private let put = HTTPRequest("PUT", "/sink", timeout: .seconds(30))

    @Test("arrive whole, over TCP and over a Unix socket, one after the other")
    func large() throws {
        let server = try TestServer()
        for endpoint in [server.tcp, server.unix] {
            let client = HTTPClient(endpoint)
            for (method, length, piece) in [
                ("PUT", 300_000_000, 1 << 20), ("PATCH", 1_000_000, 999), ("PUT", 0, 1),
            ] {
                server.sink.change { $0 = nil }
                let source = PatternSource(length, piece: piece)
                let response = try client.upload(HTTPRequest(method, "/sink"), from: source)
                #expect(response.status == 200)
                #expect(response.body == Array("\(length)".utf8))
                let result = try #require(server.uploaded())
                #expect(result.isSound)
                #expect(result.isWhole)
            }
        }
    }

    @Test("are refused before a byte is taken from their source")
    func refusedFirst() throws {
        let server = try TestServer()
        let client = HTTPClient(server.tcp)
        let source = PatternSource(.max)
        let response = try client.upload(HTTPRequest("PUT", "/refused"), from: source)
        #expect(response.status == 409)
        #expect(response["x-why"] == "state")
        #expect(response.body == Array("not now".utf8))
        #expect(source.offset == 0)
        #expect(try client.send(HTTPRequest("POST", "/echo")).status == 200)
    }

    /// Takes some of the body, answers, and takes the rest as well, as a server should.
    private func answering(_ text: String, after count: Int) throws -> RawServer {
        try RawServer { connection in
            connection.readHead()
            connection.say("HTTP/1.1 100 Continue\r\n\r\n")
            connection.skip(count)
            connection.say(text)
            connection.skip(.max)
        }
    }

    @Test("end with an answer that comes early")
    func answeredEarly() throws {
        let refusal = answer("409 Conflict", "{\"code\":1}", "Connection: close\r\n")
        let sources: [any UploadSource] = [PatternSource(.max), try WaitingSource()]
        for source in sources {
            let server = try answering(refusal, after: 500)
            let response = try HTTPClient(server.endpoint).upload(put, from: source)
            #expect(response.status == 409)
            #expect(response.body == Array("{\"code\":1}".utf8))
        }
    }

    @Test("go on after what is no answer")
    func interim() throws {
        let source = try WaitingSource()
        let waits = source.waits
        let server = try RawServer { connection in
            connection.readHead()
            connection.say("HTTP/1.1 100 Continue\r\n\r\n")
            _ = poll(waits.borrowed, for: .readable, timeout: .seconds(20))
            connection.say("HTTP/1.1 102 Processing\r\n\r\n")
            // The last chunk is the first thing that ends like a header.
            while !connection.readHead().hasSuffix("\r\n0\r\n\r\n") {}
            connection.say(answer("200 OK", "done"))
        }
        source.endAfterWake = true
        let response = try HTTPClient(server.endpoint).upload(put, from: source)
        #expect(response.body == Array("done".utf8))
        #expect(source.wakes == 1)
    }

    @Test("end when the connection does, while they send and while they wait")
    func cut() throws {
        let sources: [any UploadSource] = [PatternSource(.max), try WaitingSource()]
        for source in sources {
            let server = try RawServer { connection in
                connection.readHead()
                connection.say("HTTP/1.1 100 Continue\r\n\r\n")
                connection.skip(500)
            }
            let failure = failing { try HTTPClient(server.endpoint).upload(put, from: source) }
            #expect(failure?.kind == .cut, "\(String(describing: failure))")
        }
    }

    @Test("end when this side cuts them, whatever they are waiting for")
    func cancelled() throws {
        let source = try WaitingSource()
        let server = try TestServer()
        let waiting = HTTPClient(server.tcp)
        try expectAborted(waiting, from: source, when: source.waits)
        #expect(source.wakes == 1)
        #expect(server.uploaded()?.isWhole == false)

        let reached = try EventDescriptor()
        let stalled = try RawServer { connection in
            connection.readHead()
            connection.say("HTTP/1.1 100 Continue\r\n\r\n")
            connection.skip(500)
            reached.signal()
            connection.waitForEnd()
        }
        let blocked = HTTPClient(stalled.endpoint)
        try expectAborted(blocked, from: PatternSource(.max), when: reached)
        let again = failing { try blocked.send(HTTPRequest("GET", "/")) }
        #expect(again?.kind == .aborted)
        #expect(stalled.connections == 1)
    }

    private func expectAborted(
        _ client: HTTPClient, from source: any UploadSource,
        when ready: EventDescriptor
    ) throws {
        try Thread(name: "cutter") {
            _ = poll(ready.borrowed, for: .readable, timeout: .seconds(20))
            client.cut()
        }.detach()
        let failure = failing { try client.upload(put, from: source) }
        #expect(failure?.kind == .aborted, "\(String(describing: failure))")
    }

    @Test("that break off do not look whole")
    func broken() throws {
        let server = try TestServer()
        let failure = failing { try HTTPClient(server.unix).upload(put, from: BreakingSource()) }
        #expect(failure?.kind == .aborted)
        #expect(server.uploaded()?.isWhole == false)
    }

    @Test("come without asking first if the peer will not be asked")
    func expectationFailed() throws {
        let server = try RawServer { connection in
            #expect(connection.readHead().contains("Expect: 100-continue"))
            connection.say(answer("417 Expectation Failed"))
            #expect(!connection.readHead().contains("Expect"))
            connection.say(answer("200 OK"))
            connection.skip(.max)
        }
        let response = try HTTPClient(server.endpoint).upload(put, from: PatternSource(1000))
        #expect(response.status == 200)
    }
}
