internal import Devices
internal import HTTPClient
internal import JSON
internal import MigrationModel
internal import SystemCalls

/// The destination's agent, by its API.
final class Peer: Sendable {
    private let plan: MigrationPlan
    private let epoch: UInt64
    private let control: HTTPClient
    /// For questions that must not wait behind a grant.
    private let questions: HTTPClient
    private let dataEndpoint: Endpoint
    private let token: String?

    /// How long a small request may take: drivers take seconds for an arc.
    private static let patience = Duration.seconds(60)

    /// An agent by its address.
    init(_ plan: MigrationPlan, epoch: UInt64) throws(MigrationProblem) {
        guard let destination = plan.destination else { throw .mismatch(.pending) }
        guard let endpoint = Endpoint(destination.url) else {
            throw .invalidURL(destination.url)
        }
        guard let data = Endpoint(destination.dataURL ?? destination.url) else {
            throw .invalidURL(destination.dataURL ?? "")
        }
        self.plan = plan
        self.epoch = epoch
        token = destination.bearerToken
        dataEndpoint = data
        control = HTTPClient(endpoint, bearerToken: token)
        questions = HTTPClient(endpoint, bearerToken: token)
    }

    /// Ends whatever is under way, for good.
    func cut() {
        control.cut()
        questions.cut()
    }

    // MARK: The migration

    /// Asks for something; blocks until it is answered, or is not.
    func ask(_ call: Call, offering devices: JSONValue) -> Outcome {
        let path = "/v1/migrations/\(plan.id)"
        switch call {
        case .open: return claim(devices, at: "/v1/migrations")
        case .enter(let device):
            return moved(
                device, send("PUT", "/v1/devices/\(device)/state", ["state": "RESUMING"]))
        case .reset(let device):
            // In RESUMING a reset loses data, so the API wants a precondition: any will do.
            return moved(
                device, send("POST", "/v1/devices/\(device)/reset", nil, [("If-Match", "*")]))
        case .status: return record(send("GET", path, nil, on: questions, for: .seconds(5)))
        case .prepare(let images):
            return record(
                send(
                    "POST", "\(path)/prepare", ["epoch": .count(epoch), "images": images.json]))
        case .run:
            return record(
                send(
                    "POST", "\(path)/run",
                    [
                        "epoch": .count(epoch),
                        "final_state": .string(plan.options.finalState.rawValue),
                    ], for: .seconds(30)))
        case .discard:
            // A step that goes on there is not to be waited for.
            return record(
                send("POST", "\(path)/discard", ["epoch": .count(epoch)], on: questions))
        }
    }

    /// Asks which devices it would claim, and whether it would; changes nothing.
    func forecast(offering devices: JSONValue) -> Outcome {
        claim(devices, at: "/v1/migrations?dry_run=true")
    }

    private func claim(_ devices: JSONValue, at path: String) -> Outcome {
        record(
            send(
                "POST", path,
                [
                    "id": .string("\(plan.id)"), "role": "destination", "epoch": .count(epoch),
                    "devices": devices, "allow_sole_holder": .bool(plan.options.allowSoleHolder),
                ]))
    }

    // MARK: Devices

    /// How many bytes of its image a device has taken, and whether it takes any more; nil where it does
    /// not say.
    func progress(of device: DeviceIdentifier) -> (bytes: UInt64, isRefused: Bool)? {
        let answer = send(
            "GET", "/v1/devices/\(device)/session", nil, on: questions, for: .seconds(5))
        guard case .success((200, let session)) = answer else { return nil }
        let isRefused = ["failed", "ended"].contains(session["phase"]?.text)
        return session["offset"]?.unsigned.map { ($0, isRefused) }
    }

    /// A connection for one device's image.
    func dataClient() -> HTTPClient {
        HTTPClient(dataEndpoint, bearerToken: token)
    }

    /// What every request says that acts for the migration.
    var fields: [(name: String, value: String)] {
        [("Migration-Id", "\(plan.id)")]
    }

    // MARK: Requests

    private func send(
        _ method: String, _ path: String, _ body: JSONValue?,
        _ extra: [(name: String, value: String)] = [], on client: HTTPClient? = nil,
        for timeout: Duration = patience
    ) -> Result<(status: Int, body: JSONValue), HTTPClientError> {
        var fields = fields + extra
        if body != nil { fields.append(("Content-Type", "application/json")) }
        let request = HTTPRequest(
            method, path, fields, body: body?.encoded(), timeout: timeout)
        return Result { () throws(HTTPClientError) in
            let response = try (client ?? control).send(request)
            return (response.status, (try? JSONValue(decoding: response.body)) ?? .null)
        }
    }

    private func moved(
        _ device: DeviceIdentifier,
        _ answer: Result<(status: Int, body: JSONValue), HTTPClientError>
    ) -> Outcome {
        switch answer {
        case .success((200...299, let report)):
            .moved((report["arcs"]?.values ?? []).compactMap { ArcEntry($0, of: device) })
        case .success((let status, let problem)): .denied(status: status, problem)
        case .failure(let error): Outcome(error)
        }
    }

    private func record(
        _ answer: Result<(status: Int, body: JSONValue), HTTPClientError>
    ) -> Outcome {
        switch answer {
        case .success((200...299, let body)):
            guard let record = PeerRecord(body) else {
                return .unanswered("The destination's answer is no migration.")
            }
            return .answered(record)
        case .success((let status, let problem)): return .denied(status: status, problem)
        case .failure(let error): return Outcome(error)
        }
    }
}

extension Outcome {
    fileprivate init(_ error: HTTPClientError) {
        self = error.kind == .connect ? .unreached(error.reason) : .unanswered(error.reason)
    }
}

extension PeerRecord {
    /// Reads what the other agent shows; nil if that is no migration.
    fileprivate init?(_ json: JSONValue) {
        guard case .array(let devices)? = json["devices"] else { return nil }
        phase = json["phase"]?.text ?? ""
        self.devices = devices.compactMap { device in
            device["destination"]?.text.flatMap { DeviceIdentifier($0) }
        }
        states = devices.compactMap { device in
            device["state"]?.text.flatMap { MigrationState(name: $0) }
        }
        arcs = (json["arcs"]?.values ?? []).compactMap { arc in
            arc["device"]?.text.flatMap { DeviceIdentifier($0) }.flatMap { ArcEntry(arc, of: $0) }
        }
    }
}

extension ArcEntry {
    /// An arc as the other agent tells it; one that was just run has no time of its own.
    fileprivate init?(_ json: JSONValue, of device: DeviceIdentifier) {
        guard let from = json["from"]?.text.flatMap({ MigrationState(name: $0) }),
            let to = json["to"]?.text.flatMap({ MigrationState(name: $0) }),
            let duration = json["duration_us"]?.unsigned.flatMap({ Int64(exactly: $0) })
        else { return nil }
        let at = json["at"]?.text.flatMap { Timestamp($0) } ?? .now
        self.init(
            side: .destination, device: device, arc: Arc(from: from, to: to),
            duration: .microseconds(duration), at: at)
    }
}
