internal import Devices
internal import HTTPServer
internal import JSON
internal import Logging
internal import MigrationModel
internal import Orchestration

private enum Backend: String, CaseIterable {
    case kernel
    case simulated
}

extension AgentAPI {
    /// `GET /v1/devices`.
    func listDevices(_ request: Request) throws(Problem) -> Response {
        let limit = try request.pageSize()
        let backend: Backend? = try request.word("backend")
        let state = try request.string("state").map { name throws(Problem) in
            guard let state = MigrationState(name: name) else {
                throw .invalid(parameter: "state", "'\(name)' is no state.")
            }
            return state
        }
        let last = try request.string("page_token").map { token throws(Problem) in
            guard let id = DeviceIdentifier(token) else {
                throw .invalid(parameter: "page_token", "No page ended there.")
            }
            return id
        }
        let page = registry.page(after: last, limit: limit) { device in
            (backend == nil || device.source.backend == backend?.rawValue)
                && (state == nil || device.snapshot.state == state)
        }
        return .page(page.devices.map(\.snapshot.json), next: page.next.map { "\($0)" })
    }

    /// `POST /v1/devices`.
    func attachDevice(_ body: inout ObjectReader) throws(Problem) -> Response {
        let id = try body.string("id").map { text throws(Problem) in
            guard let id = DeviceIdentifier(text) else {
                throw .invalid(at: "/id", "An id has 1 to 64 of A-Z a-z 0-9 . _ : -")
            }
            return id
        }
        guard var reader = try body.object("source") else { throw body.missing("source") }
        let source = try DeviceSource(&reader, cdevs: agent.cdevs)
        let window = try body.count("replay_window_bytes", in: 0...Limits.largestReplayWindow)
        try body.finish()
        let device: DeviceController
        do throws(AttachProblem) {
            device = try registry.attach(
                source, as: id, replayWindow: window ?? DeviceController.defaultReplayWindow)
        } catch {
            throw Problem(of: error)
        }
        migrations.attached(device)
        let snapshot = device.snapshot
        log.info(
            "attached \(snapshot.id) (\(snapshot.identity.driver)) in \(snapshot.state.name)")
        return .json(
            201, snapshot.json,
            [("Location", "/v1/devices/\(snapshot.id)"), ("ETag", snapshot.entityTag)])
    }

    /// `GET /v1/devices/{id}`.
    func getDevice(_ request: Request) throws(Problem) -> Response {
        let snapshot = try device(request).snapshot
        return try request.representation(snapshot) { $0.json }
    }

    /// `DELETE /v1/devices/{id}`.
    func detachDevice(_ request: Request) throws(Problem) -> Response {
        let device = try device(request)
        let force = try request.bool("force")
        let requester = try request.requester()
        try request.explaining { () throws(DeviceProblem) in
            try registry.detach(device, force: force, by: requester)
        }
        log.info("detached \(device.id) in \(device.snapshot.state.name)")
        return Response(204)
    }

    /// The device that a path names.
    func device(_ request: Request) throws(Problem) -> DeviceController {
        guard let id = DeviceIdentifier(request.parameters[0]), let device = registry.device(id)
        else {
            throw Problem(
                .notFound, "\(request.action): no device '\(request.parameters[0])' is attached.")
        }
        return device
    }
}

extension Request {
    /// A device or a part of it, with its entity tag; 304 if the client has it already.
    func representation(
        _ snapshot: DeviceSnapshot, _ json: (DeviceSnapshot) -> JSONValue
    ) throws(Problem) -> Response {
        let tag = [("ETag", snapshot.entityTag)]
        return try clientHas(snapshot.entityTag)
            ? Response(304, tag) : .json(200, json(snapshot), tag)
    }

    /// Runs what a device may refuse, and explains the refusal.
    func explaining<Result>(
        _ body: () throws(DeviceProblem) -> Result
    ) throws(Problem) -> Result {
        do throws(DeviceProblem) {
            return try body()
        } catch {
            throw Problem(of: error, action)
        }
    }
}
