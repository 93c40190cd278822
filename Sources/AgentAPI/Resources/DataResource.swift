internal import Devices
internal import HTTPServer
internal import Logging

extension AgentAPI {
    /// `GET /v1/devices/{id}/data`: the image of a saving session, as it comes.
    func downloadData(_ request: Request) throws(Problem) -> Response {
        try request.requireHTTP11()
        let device = try device(request)
        var bounds = SavingReader.Bounds()
        if let until = request.string("until") {
            guard until == "drained" else {
                throw .invalid(parameter: "until", "'until' is not one of: drained.")
            }
            bounds.untilDrained = true
        }
        bounds.limit = try request.count("limit", in: 1...UInt64(Int64.max))
        bounds.bytesPerSecond = try request.count(
            "max_bytes_per_second", in: 1...UInt64(Int64.max))
        try streams.take(for: "streams")
        let reader: SavingReader
        do throws(DeviceProblem) {
            reader = try device.openReader(bounds)
        } catch {
            streams.giveBack()
            throw Problem(of: error, request.action)
        }
        return Response(
            200,
            [
                ("Content-Type", "application/octet-stream"), ("Cache-Control", "no-store"),
                ("Session-Id", reader.sessionID), ("Stream-Offset", "\(reader.startOffset)"),
                ("Trailer", "Stream-State, Stream-End-Offset"),
            ],
            streaming: DataDownload(self, device, reader))
    }

    /// `PUT /v1/devices/{id}/data`: a whole image for a resuming session.
    func uploadData(_ request: Request) throws(Problem) -> any UploadSink {
        try request.requireHTTP11()
        let device = try device(request)
        let precondition = try request.precondition()
        try streams.take(for: "streams")
        let writer: ResumingWriter
        do throws(DeviceProblem) {
            writer = try device.openWriter(if: precondition)
        } catch {
            streams.giveBack()
            throw Problem(of: error, request.action)
        }
        return DataUpload(self, request, writer)
    }
}

extension Request {
    /// Refuses a client that could not tell a broken image from a whole one.
    fileprivate func requireHTTP11() throws(Problem) {
        guard head.isHTTP10 else { return }
        throw Problem(
            .httpVersionNotSupported,
            "\(action): an HTTP/1.0 client could not tell a broken image from a whole one.")
    }
}
