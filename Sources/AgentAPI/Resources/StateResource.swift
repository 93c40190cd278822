internal import Devices
internal import HTTPServer
internal import JSON
internal import Logging
internal import MigrationModel

extension AgentAPI {
    /// `GET /v1/devices/{id}/state`: at once, or once the generation is above one that is known.
    func getState(_ request: Request) throws(Problem) -> Response {
        let device = try device(request)
        let generation = try request.count("after_generation")
        guard let deadline = try request.waitDeadline() else {
            return try request.representation(device.snapshot) { $0.stateJSON }
        }
        try waits.take(for: "waits")
        defer { waits.giveBack() }
        let snapshot = device.snapshot(
            above: generation ?? device.snapshot.generation, until: deadline,
            watch: request.head.watch)
        return try request.representation(snapshot) { $0.stateJSON }
    }

    /// `PUT /v1/devices/{id}/state`.
    func putState(_ request: Request, _ body: inout ObjectReader) throws(Problem) -> Response {
        let device = try device(request)
        let precondition = try request.precondition()
        guard let name = try body.string("state") else { throw body.missing("state") }
        guard let target = MigrationState(name: name) else {
            throw body.wrong("state", "is '\(name)', which is no state")
        }
        let proof = try CommitProof(&body)
        try body.finish()
        let report = try request.explaining { () throws(DeviceProblem) in
            try device.transition(to: target, if: precondition, proof: proof)
        }
        for timed in report.arcs {
            log.info(
                "\(device.id): \(timed.arc.from.name) -> \(timed.arc.to.name) in \(timed.duration.microseconds) us"
            )
        }
        return .report(report, of: device.id)
    }

    /// `POST /v1/devices/{id}/reset`.
    func resetDevice(_ request: Request) throws(Problem) -> Response {
        let device = try device(request)
        let precondition = try request.precondition()
        let key = request.head.fields["Idempotency-Key"]
        if let key, !(1...255).contains(key.utf8.count) {
            throw .invalid(
                parameter: "Idempotency-Key", "Idempotency-Key has 1 to 255 characters.")
        }
        let report = try request.explaining { () throws(DeviceProblem) in
            try device.reset(if: precondition, idempotencyKey: key)
        }
        log.info("\(device.id): reset, now in \(report.state.name)")
        return .report(report, of: device.id)
    }
}

extension CommitProof {
    fileprivate init(_ body: inout ObjectReader) throws(Problem) {
        self.init()
        if var image = try body.object("image") {
            guard let bytes = try image.count("bytes") else { throw image.missing("bytes") }
            self.bytes = bytes
            try image.finish()
        }
        acceptUnverified = try body.bool("accept_unverified") ?? false
    }
}

extension Response {
    fileprivate static func report(
        _ report: TransitionReport, of device: DeviceIdentifier
    ) -> Response {
        .json(200, report.json(of: device), [("ETag", "\"\(report.generation)\"")])
    }
}
