internal import Devices
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

    func next(into buffer: inout OutputRawSpan, watch: ConnectionWatch) -> StreamStep {
        switch reader.next(into: &buffer, watch: watch) {
        case .bytes(let count): .bytes(count)
        case .broken: .broken
        case .end(let phase, let offset):
            .end(trailers: [
                ("Stream-State", phase.rawValue), ("Stream-End-Offset", "\(offset)"),
            ])
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
