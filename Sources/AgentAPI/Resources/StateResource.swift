internal import Devices
internal import Digests
internal import HTTPServer
internal import JSON
internal import Logging
internal import MigrationModel
internal import SystemCalls

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
        let requester = try request.requester()
        guard let name = try body.string("state") else { throw body.missing("state") }
        guard let target = MigrationState(name: name) else {
            throw body.wrong("state", "is '\(name)', which is no state")
        }
        let proof = try CommitProof(&body)
        try body.finish()
        let deadline = try request.asyncDeadline()
        let report = try request.explaining { () throws(DeviceProblem) -> TransitionReport? in
            guard let deadline else {
                let report = try device.transition(to: target, by: requester, proof: proof)
                logArcs(of: report, device.id)
                return report
            }
            return try device.transition(
                to: target, by: requester, proof: proof, waitingUntil: deadline
            ) { [self] outcome in
                switch outcome {
                case .success(let report): logArcs(of: report, device.id)
                case .failure(let problem):
                    // Perhaps nobody waits any more for an answer that says it.
                    log.error("\(Problem(of: problem, request.action).detail)")
                }
            }
        }
        guard let report else { return accepted(device.snapshot, request) }
        return .report(report, of: device.id)
    }

    private func logArcs(of report: TransitionReport, _ device: DeviceIdentifier) {
        for timed in report.arcs {
            let (arc, microseconds) = (timed.arc, timed.duration.microseconds)
            log.info("\(device): \(arc.from.name) -> \(arc.to.name) in \(microseconds) us")
        }
    }

    /// The transition goes on; GET state tells how.
    private func accepted(_ snapshot: DeviceSnapshot, _ request: Request) -> Response {
        log.info("\(snapshot.id): \(request.action) goes on without its client")
        var fields = [
            ("Location", "/v1/devices/\(snapshot.id)/state"), ("ETag", snapshot.entityTag),
        ]
        if request.prefersAsync { fields.append(("Preference-Applied", "respond-async")) }
        return .json(202, snapshot.stateJSON, fields)
    }

    /// `POST /v1/devices/{id}/reset`.
    func resetDevice(_ request: Request) throws(Problem) -> Response {
        let device = try device(request)
        let requester = try request.requester()
        let key = try request.idempotencyKey()
        let report = try request.explaining { () throws(DeviceProblem) in
            try device.reset(by: requester, idempotencyKey: key)
        }
        log.info("\(device.id): reset, now in \(report.state.name)")
        return .report(report, of: device.id)
    }
}

extension ObjectReader {
    /// A SHA-256 in hexadecimal digits.
    mutating func digest(_ name: String) throws(Problem) -> SHA256Digest? {
        guard let text = try string(name) else { return nil }
        guard let digest = SHA256Digest(hexadecimal: text) else {
            throw wrong(name, "is not 64 hexadecimal digits")
        }
        return digest
    }
}

extension Request {
    /// The key by which a request is known when it comes again.
    func idempotencyKey() throws(Problem) -> String? {
        guard let key = head.fields["Idempotency-Key"] else { return nil }
        guard (1...255).contains(key.utf8.count) else {
            throw .invalid(
                parameter: "Idempotency-Key", "Idempotency-Key has 1 to 255 characters.")
        }
        return key
    }

    /// The client would rather not wait. Source: RFC 7240, section 4.1.
    fileprivate var prefersAsync: Bool {
        head.fields.all("Prefer").joined(separator: ",").split(separator: ",").contains { item in
            item.prefix { $0 != ";" }.filter { $0 != " " }.lowercased() == "respond-async"
        }
    }

    /// How long the client waits for the end of what it asks for; nil for as long as it takes.
    fileprivate func asyncDeadline() throws(Problem) -> ContinuousClock.Instant? {
        try waitDeadline() ?? (prefersAsync ? .now : nil)
    }
}

extension CommitProof {
    fileprivate init(_ body: inout ObjectReader) throws(Problem) {
        self.init()
        if var image = try body.object("image") {
            guard let bytes = try image.count("bytes") else { throw image.missing("bytes") }
            self.bytes = bytes
            sha256 = try image.digest("sha256")
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
