internal import Devices
internal import HTTPServer
internal import JSON
internal import SystemCalls

/// An image on its way from a client into a resuming session.
final class DataUpload: UploadSink {
    private let api: AgentAPI
    private let request: Request
    private let writer: ResumingWriter
    private let refusal = Locked<DeviceProblem?>(nil)

    init(_ api: AgentAPI, _ request: Request, _ writer: ResumingWriter) {
        self.api = api
        self.request = request
        self.writer = writer
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

    func finish(clean: Bool) -> Response {
        let refusal = refusal.withLock { $0 }
        let session = writer.finish(clean: clean && refusal == nil)
        api.streams.giveBack()
        return api.respond(to: request) { () throws(Problem) in
            if let refusal { throw Problem(of: refusal, request.action) }
            return .json(200, session?.json ?? [:])
        }
    }
}
