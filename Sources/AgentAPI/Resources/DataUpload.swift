internal import Devices
internal import Digests
internal import HTTPServer
internal import JSON
internal import SystemCalls

/// An image, or a part of one, on its way from a client into a resuming session.
final class DataUpload: UploadSink {
    private let api: AgentAPI
    private let request: Request
    private let writer: ResumingWriter
    private let answer: @Sendable (TransferSession?) -> Response
    private let refusal = Locked<DeviceProblem?>(nil)

    init(
        _ api: AgentAPI, _ request: Request, _ writer: ResumingWriter,
        answer: @escaping @Sendable (TransferSession?) -> Response
    ) {
        self.api = api
        self.request = request
        self.writer = writer
        self.answer = answer
    }

    func write(_ piece: RawSpan) -> Bool {
        do throws(DeviceProblem) {
            try writer.write(piece)
            return true
        } catch {
            refusal.withLock { $0 = error }
            return false
        }
    }

    func finish(trailers: HeaderFields?) -> Response {
        api.respond(to: request) { () throws(Problem) in
            defer { api.streams.giveBack() }
            return try conclude(trailers)
        }
    }

    private func conclude(_ trailers: HeaderFields?) throws(Problem) -> Response {
        let refusal = refusal.withLock { $0 }
        var digest: SHA256Digest?
        var fault: Problem?
        do throws(Problem) {
            digest = try trailers?.digest("Content-Digest")
        } catch {
            fault = error
        }
        let isWhole = trailers != nil && refusal == nil && fault == nil
        let session = try request.explaining { () throws(DeviceProblem) in
            let session = try writer.finish(isWhole: isWhole, digest: digest)
            if let refusal { throw refusal }
            return session
        }
        if let fault { throw fault }
        return answer(session)
    }
}
