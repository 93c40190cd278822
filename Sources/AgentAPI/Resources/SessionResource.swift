internal import Devices
internal import HTTPServer
internal import MigrationModel

extension AgentAPI {
    /// `GET /v1/devices/{id}/session`.
    func getSession(_ request: Request) throws(Problem) -> Response {
        .json(200, try session(request).json)
    }

    /// `HEAD /v1/devices/{id}/data`: how far the session is.
    func describeData(_ request: Request) throws(Problem) -> Response {
        try device(request).settleUpload()
        let session = try session(request)
        let offset = session.direction == .saving ? "Stream-Offset" : "Upload-Offset"
        return Response(
            200,
            [
                ("Content-Type", "application/octet-stream"), ("Session-Id", session.id),
                (offset, "\(session.offset)"), ("Cache-Control", "no-store"),
            ])
    }

    private func session(_ request: Request) throws(Problem) -> TransferSession {
        let device = try device(request)
        return try request.explaining { () throws(DeviceProblem) in
            guard let session = device.snapshot.session else { throw .noSession }
            return session
        }
    }
}
