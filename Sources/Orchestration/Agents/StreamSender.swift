internal import Devices
internal import Digests
internal import HTTPClient
internal import JSON
internal import SystemCalls

/// Sends one device's image to the other agent, from where that stands.
final class StreamSender: Sendable {
    private let device: DeviceController
    private let destination: DeviceIdentifier
    private let migration: MigrationIdentifier
    private let peer: Peer
    private let client: HTTPClient
    private let paces: [SharedPace]

    init(
        _ device: DeviceController, to destination: DeviceIdentifier,
        for migration: MigrationIdentifier, _ peer: Peer, _ paces: [SharedPace]
    ) {
        self.device = device
        self.destination = destination
        self.migration = migration
        self.peer = peer
        self.paces = paces
        client = peer.dataClient()
    }

    /// Ends the stream, from any thread.
    func cut() {
        client.cut()
    }

    /// Sends until the image ends, or does not go on; blocks for as long as that takes.
    func send() -> StreamEnd {
        var bounds = SavingReader.Bounds()
        do throws(HTTPClientError) {
            bounds.offset = try startOffset()
        } catch {
            return .cut(error.reason)
        }
        let reader: SavingReader
        do throws(DeviceProblem) {
            reader = try device.openReader(bounds, by: .agent(for: migration))
        } catch {
            return end(for: error)
        }
        let body = ImageBody(reader, paces)
        let answer = Result { () throws(HTTPClientError) in
            try client.upload(request(from: reader.startOffset), from: body)
        }
        reader.finish(delivered: body.isWhole)
        return end(answer, body)
    }

    private var path: String { "/v1/devices/\(destination)/data" }

    /// Nothing was ever sent, or the destination says what has come.
    private func startOffset() throws(HTTPClientError) -> UInt64? {
        if device.snapshot.session?.offset == 0 { return 0 }
        let head = HTTPRequest("HEAD", path, peer.fields, timeout: .seconds(20))
        return try client.send(head)["Upload-Offset"].flatMap { UInt64($0) } ?? 0
    }

    private func request(from offset: UInt64) -> HTTPRequest {
        var fields = peer.fields + [("Content-Type", "application/octet-stream")]
        if offset == 0 { return HTTPRequest("PUT", path, fields) }
        fields += [("Upload-Offset", "\(offset)"), ("Upload-Complete", "?1")]
        return HTTPRequest("PATCH", path, fields)
    }

    private func end(for problem: DeviceProblem) -> StreamEnd {
        switch problem {
        case .offsetUnavailable(let offset, _, let earliest):
            .void(
                "the destination has \(offset) bytes, and they are kept from \(earliest) on only.")
        case .streamBusy, .transitionInProgress: .cut("The stream before has not ended yet.")
        default: .lost("\(problem)")
        }
    }

    private func end(
        _ answer: Result<HTTPResponse, HTTPClientError>, _ body: ImageBody
    ) -> StreamEnd {
        let session = device.snapshot.session
        switch answer {
        case .success(let response) where (200...299).contains(response.status):
            guard body.isWhole, let session, let sha256 = session.sha256 else {
                return .cut("The destination took a stream for whole that was not.")
            }
            let taken = (try? JSONValue(decoding: response.body)) ?? .null
            if let theirs = taken["sha256"]?.text, theirs != sha256.hexadecimal {
                return .void("the destination has other bytes than were sent.")
            }
            return .complete(Image(bytes: session.offset, sha256: sha256))
        case .success(let response):
            let problem = (try? JSONValue(decoding: response.body)) ?? .null
            let detail = problem["detail"]?.text ?? "The destination answers \(response.status)."
            let isPassing =
                response.status >= 500 || problem["retryable"] == .bool(true)
                || ["offset-mismatch", "stream-busy"].contains(problem["code"]?.text)
            return isPassing ? .cut(detail) : .void(detail)
        case .failure(let error):
            // The session ended under the stream, or the connection did.
            let isSound = session?.isSound ?? false
            return body.hasBroken && !isSound ? .lost("its session has ended.") : .cut(error.reason)
        }
    }
}

/// An image as the body of a request; one thread at a time asks for it.
private final class ImageBody: UploadSource {
    private let reader: SavingReader
    private let paces: [SharedPace]
    /// The image has come to its end.
    private(set) var isWhole = false
    /// The session did not go on.
    private(set) var hasBroken = false

    init(_ reader: SavingReader, _ paces: [SharedPace]) {
        self.reader = reader
        self.paces = paces
    }

    func next(into buffer: inout OutputRawSpan, watch: ConnectionWatch) -> UploadStep {
        if isWhole { return .end }
        var most = buffer.freeCapacity
        for pace in paces { most = min(most, pace.largestPiece) }
        for pace in paces where !pace.wait(while: { !watch.isGone }) { return .broken }
        let before = buffer.byteCount
        let step = reader.next(upTo: most, watch: watch) { piece in
            buffer.append(piece)
            return true
        }
        for pace in paces { pace.moved(buffer.byteCount - before) }
        switch step {
        case .sent: return .bytes
        case .end:
            isWhole = true
            return .end
        case .broken:
            hasBroken = !reader.goesOn
            return .broken
        }
    }
}
