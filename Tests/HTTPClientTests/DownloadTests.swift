import HTTPClient
import SystemCalls
import Testing

@Suite("Downloads", .serialized)
struct DownloadTests {
    private static let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    @Test("go into the sink, and bring their trailer")
    func whole() throws {
        let server = try RawServer { connection in
            connection.readHead()
            connection.say("HTTP/1.1 102 Processing\r\n\r\n" + Self.head)
            connection.say("5\r\nfirst\r\n6\r\nsecond\r\n0\r\n")
            connection.say("Stream-State: complete\r\nX: y\r\n\r\n")
        }
        let sink = Collector()
        let response = try HTTPClient(server.endpoint).download(HTTPRequest("GET", "/"), to: sink)
        #expect(response.status == 200)
        #expect(sink.text == "firstsecond")
        #expect(response.body.isEmpty)
        #expect(response.trailer("stream-state") == "complete")
        #expect(response["Stream-State"] == nil)
        #expect(response.trailer("Transfer-Encoding") == nil)
    }

    @Test("may be larger than an answer")
    func large() throws {
        let server = try TestServer()
        let sink = Collector()
        _ = try HTTPClient(server.tcp).download(HTTPRequest("GET", "/large"), to: sink)
        #expect(sink.bytes.count == 5 << 20)
    }

    @Test("that are refused leave the sink alone", arguments: ["404 Not Found", "302 Found"])
    func refused(_ status: String) throws {
        let server = try RawServer { connection in
            connection.readHead()
            connection.say(answer(status, "no such thing"))
        }
        let sink = Collector()
        let response = try HTTPClient(server.endpoint).download(HTTPRequest("GET", "/"), to: sink)
        #expect(response.body == Array("no such thing".utf8))
        #expect(sink.bytes.isEmpty)
    }

    @Test("end when the sink has enough, or the peer has gone")
    func brokenOff() throws {
        let server = try RawServer(
            { connection in
                connection.readHead()
                connection.say(Self.head)
                connection.repeatEndlessly("4\r\nbody\r\n")
            },
            { connection in
                connection.readHead()
                connection.say(Self.head + "4\r\nbody\r\n")
            })
        let client = HTTPClient(server.endpoint)
        let full = Collector(room: 100)
        let request = HTTPRequest("GET", "/", timeout: .seconds(20))
        #expect(failing { try client.download(request, to: full) }?.kind == .aborted)
        let sink = Collector()
        #expect(failing { try client.download(request, to: sink) }?.kind == .cut)
        #expect(sink.text == "body")
    }

    @Test("end when the client is cut")
    func cut() throws {
        let server = try RawServer { connection in
            connection.readHead()
            connection.say(Self.head + "4\r\nbody\r\n")
            connection.waitForEnd()
        }
        let client = HTTPClient(server.endpoint)
        let sink = Collector { client.cut() }
        let failure = failing { try client.download(HTTPRequest("GET", "/"), to: sink) }
        #expect(failure?.kind == .aborted)
        #expect(sink.text == "body")
    }
}

/// Keeps what comes, as long as there is room.
private final class Collector: DownloadSink {
    private(set) var bytes: [UInt8] = []
    private let room: Int
    private let taken: () -> Void

    init(room: Int = .max, taken: @escaping () -> Void = {}) {
        self.room = room
        self.taken = taken
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    func take(_ piece: RawSpan) -> Bool {
        for place in 0..<piece.byteCount {
            bytes.append(piece.unsafeLoad(fromByteOffset: place, as: UInt8.self))
        }
        taken()
        return bytes.count <= room
    }
}
