internal import Devices
internal import Digests
internal import HTTPServer
internal import JSON
internal import Logging

extension AgentAPI {
    /// `GET /v1/devices/{id}/data`: the image of a saving session, as it comes.
    func downloadData(_ request: Request) throws(Problem) -> Response {
        try request.requireHTTP11()
        let device = try device(request)
        let bounds = try request.streamBounds()
        let requester = try request.requester()
        let reader: SavingReader
        try streams.take(for: "streams")
        do throws(DeviceProblem) {
            reader = try device.openReader(
                bounds, by: requester, watch: request.head.watch)
        } catch {
            streams.giveBack()
            throw Problem(of: error, request.action)
        }
        let trailers =
            "Stream-State, Stream-End-Offset" + (bounds.digests ? ", Content-Digest" : "")
        return Response(
            200,
            [
                ("Content-Type", "application/octet-stream"), ("Cache-Control", "no-store"),
                ("Session-Id", reader.sessionID), ("Stream-Offset", "\(reader.startOffset)"),
                ("Trailer", trailers),
            ],
            streaming: DataDownload(self, device, reader))
    }

    /// `PUT /v1/devices/{id}/data`: a whole image for a resuming session.
    func uploadData(_ request: Request) throws(Problem) -> any UploadSink {
        try upload(request, UploadSegment()) { .json(200, $0?.json ?? [:]) }
    }

    /// `PATCH /v1/devices/{id}/data`: goes on where the session stands.
    func appendData(_ request: Request) throws(Problem) -> any UploadSink {
        var segment = UploadSegment()
        guard let offset = try request.countField("Upload-Offset") else {
            throw .invalid(
                parameter: "Upload-Offset", "PATCH wants Upload-Offset: where it goes on.")
        }
        segment.offset = offset
        switch request.head.fields["Upload-Complete"] {
        case "?1": segment.isLast = true
        case "?0": segment.isLast = false
        default:
            throw .invalid(
                parameter: "Upload-Complete",
                "PATCH wants Upload-Complete: ?1 if the image ends with it, else ?0.")
        }
        return try upload(request, segment) { session in
            let isComplete = session?.phase == .complete
            return Response(
                204,
                [
                    ("Upload-Offset", "\(session?.offset ?? 0)"),
                    ("Upload-Complete", isComplete ? "?1" : "?0"),
                ])
        }
    }

    private func upload(
        _ request: Request, _ described: UploadSegment,
        answer: @escaping @Sendable (TransferSession?) -> Response
    ) throws(Problem) -> any UploadSink {
        try request.requireHTTP11()
        let device = try device(request)
        let requester = try request.requester()
        let segment = try request.completing(described)
        try streams.take(for: "streams")
        let writer: ResumingWriter
        do throws(DeviceProblem) {
            writer = try device.openWriter(segment, by: requester, watch: request.head.watch)
        } catch {
            streams.giveBack()
            throw Problem(of: error, request.action)
        }
        return DataUpload(self, request, writer, answer: answer)
    }
}

extension Request {
    /// How a stream is wanted.
    fileprivate func streamBounds() throws(Problem) -> SavingReader.Bounds {
        let any = UInt64(Int64.max)
        var bounds = SavingReader.Bounds()
        bounds.offset = try count("offset")
        bounds.untilDrained = try flag("until", is: "drained")
        bounds.limit = try count("limit", in: 1...any)
        bounds.bytesPerSecond = try count("max_bytes_per_second", in: 1...any)
        bounds.digests = try !flag("digest", is: "none")
        return bounds
    }

    /// A segment with what the header says of it and of its image.
    fileprivate func completing(_ described: UploadSegment) throws(Problem) -> UploadSegment {
        var segment = described
        segment.imageLength = try countField("Upload-Length")
        segment.imageDigest = try head.fields.digest("Repr-Digest")
        segment.digest = try head.fields.digest("Content-Digest")
        if case .known(let length) = head.bodyLength { segment.length = length }
        segment.digests = try !flag("digest", is: "none")
        if !segment.digests && (segment.digest != nil || segment.imageDigest != nil) {
            throw .invalid(parameter: "digest", "A digest is sent along, and digest=none.")
        }
        return segment
    }

    /// A parameter that is absent or has its one value.
    private func flag(_ name: String, is value: String) throws(Problem) -> Bool {
        guard let text = string(name) else { return false }
        guard text == value else {
            throw .invalid(parameter: name, "'\(name)' is not one of: \(value).")
        }
        return true
    }

    /// A field of the header that is a number of bytes.
    fileprivate func countField(_ name: String) throws(Problem) -> UInt64? {
        let values = head.fields.all(name)
        guard let text = values.first else { return nil }
        guard values.count == 1, let count = UInt64(digits: text), count <= UInt64(Int64.max) else {
            throw .invalid(parameter: name, "\(name) is not a number of bytes.")
        }
        return count
    }

    /// Refuses a client that could not tell a broken image from a whole one.
    fileprivate func requireHTTP11() throws(Problem) {
        guard head.isHTTP10 else { return }
        throw Problem(
            .httpVersionNotSupported,
            "\(action): an HTTP/1.0 client could not tell a broken image from a whole one.")
    }
}
