internal import Devices
internal import Digests
internal import HTTPServer
internal import Logging
internal import SystemCalls

/// The image of a saving session on its way to a client.
final class DataDownload: ResponseStream {
    private let api: AgentAPI
    private let device: DeviceController
    private let reader: SavingReader

    init(_ api: AgentAPI, _ device: DeviceController, _ reader: SavingReader) {
        self.api = api
        self.device = device
        self.reader = reader
    }

    var goesOn: Bool {
        reader.goesOn
    }

    func next(watch: ConnectionWatch, send: (RawSpan) -> Bool) -> StreamStep {
        switch reader.next(watch: watch, send: send) {
        case .sent: return .sent
        case .broken: return .broken
        case .end(let phase, let offset, let digest):
            var trailers = [("Stream-State", phase.rawValue), ("Stream-End-Offset", "\(offset)")]
            if let digest { trailers.append(("Content-Digest", digest.field)) }
            return .end(trailers: trailers)
        }
    }

    func finished(delivered: Bool) {
        reader.finish(delivered: delivered)
        api.streams.giveBack()
        let session = device.snapshot.session
        let how = delivered ? "ended" : "was cut"
        api.log.info(
            "\(device.id): the stream of \(reader.sessionID) \(how) at offset \(session?.offset ?? 0)"
        )
    }
}
