import Glibc
import HTTPClient
import HTTPServer
import SystemCalls
import SystemPackage

/// The project's own server, on a loopback port and on a Unix socket.
final class TestServer: Sendable {
    let tcp: Endpoint
    let unix: Endpoint
    private static let count = Locked(0)
    private let server: HTTPServer
    let sink = Locked<SinkResult?>(nil)

    init() throws {
        let number = Self.count.change { count in
            count += 1
            return count
        }
        let path = FilePath("/tmp/ferry-http-\(getpid())-\(number).sock")
        let network = try ListeningSocket(.ipv4("127.0.0.1", port: 0))
        let file = try ListeningSocket(.unix(path))
        guard case .ipv4(let host, let port) = network.address else { throw Errno.badAddress }
        tcp = .http(host: host, port: port)
        unix = .unix(path)
        server = try HTTPServer(listeners: [network, file], handler: Handler(sink: sink))
    }

    deinit {
        server.stopListening()
        server.stop()
    }

    /// Waits for the end of an upload, on the server's side.
    func uploaded() -> SinkResult? {
        sink.wait(until: .now + .seconds(20)) { $0 }
    }
}

/// What came of an upload on the server's side.
struct SinkResult: Sendable {
    var bytes = 0
    var isSound = true
    var isWhole = false
}

private struct Handler: RequestHandler {
    let sink: Locked<SinkResult?>

    func receive(_ head: RequestHead) -> Reception {
        switch (head.method, head.rawTarget) {
        case ("PUT", "/sink"), ("PATCH", "/sink"):
            .upload(PatternSink(sink))
        case ("PUT", "/refused"):
            .refuse(Response(409, [("X-Why", "state")], Array("not now".utf8)))
        case ("GET", "/large"):
            .answer { Response(200, [], [UInt8](repeating: 0x20, count: 5 << 20)) }
        case ("GET", "/moved"):
            .answer { Response(302, [("Location", "/hello")]) }
        case (_, "/echo"):
            .collect(
                limit: 1 << 20, then: { Response(200, Self.echoed(head), $0) },
                tooLarge: { Response(413) })
        default:
            .answer { Response(404, [], Array("no such thing".utf8)) }
        }
    }

    private static func echoed(_ head: RequestHead) -> [(String, String)] {
        let names = ["Authorization", "Content-Type", "Content-Length", "Expect", "X-Empty"]
        return [("X-Method", head.method)]
            + names.compactMap { name in head.fields[name].map { ("X-Got-\(name)", "<\($0)>") } }
    }

    func refusal(of head: RequestHead, for fault: FramingFault) -> Response { Response(400) }
    func isBulk(method: Substring, rawTarget: Substring) -> Bool { rawTarget == "/sink" }
    var overloadedResponse: [UInt8] { [] }
}

/// Compares what comes with the pattern.
private final class PatternSink: UploadSink {
    private let result: Locked<SinkResult?>
    private let seen = Locked(SinkResult())

    init(_ result: Locked<SinkResult?>) {
        self.result = result
    }

    func write(_ piece: RawSpan) -> Bool {
        let pattern = Pattern.bytes
        seen.withLock { seen in
            var done = 0
            while done < piece.byteCount {
                let count = min(Pattern.period, piece.byteCount - done)
                let start = (seen.bytes + done) % Pattern.period
                let got = piece.extracting(done..<done + count)
                let wanted = pattern.span.bytes.extracting(start..<start + count)
                if !isEqual(got, wanted) { seen.isSound = false }
                done += count
            }
            seen.bytes += piece.byteCount
        }
        return true
    }

    func finish(trailers: HeaderFields?) -> Response {
        let seen = seen.withLock { seen in
            seen.isWhole = trailers != nil
            return seen
        }
        result.change { $0 = seen }
        return Response(200, [], Array("\(seen.bytes)".utf8))
    }
}

/// Byte by byte the comparison would take longer than the upload.
private func isEqual(_ one: RawSpan, _ other: RawSpan) -> Bool {
    one.withUnsafeBytes { one in
        other.withUnsafeBytes { other in
            guard let first = one.baseAddress, let second = other.baseAddress else { return true }
            return memcmp(first, second, one.count) == 0
        }
    }
}
