internal import Devices
internal import HTTPServer
internal import JSON
internal import Logging
internal import Orchestration
internal import SystemCalls

extension AgentAPI {
    /// `GET /v1/migrations`.
    func listMigrations(_ request: Request) throws(Problem) -> Response {
        let limit = try request.pageSize()
        let role: MigrationPlan.Role? = try request.word("role")
        let phase: Phase? = try request.word("phase")
        let last = try request.string("page_token").map { token throws(Problem) in
            guard let id = MigrationIdentifier(token) else {
                throw .invalid(parameter: "page_token", "No page ended there.")
            }
            return id
        }
        let page = migrations.page(after: last, limit: limit) { view in
            (role == nil || view.plan.role == role) && (phase == nil || view.phase == phase)
        }
        return .page(page.views.map(\.json), next: page.next.map { "\($0)" })
    }

    /// `POST /v1/migrations`.
    func beginMigration(
        _ request: Request, _ body: inout ObjectReader
    ) throws(Problem) -> Response {
        let plan = try MigrationPlan(body.object)
        let key = try request.idempotencyKey()
        if try request.bool("dry_run") {
            let forecast = try request.explaining { () throws(MigrationProblem) in
                try migrations.forecast(plan)
            }
            return .json(200, forecast.json)
        }
        let (migration, isNew) = try request.explaining { () throws(MigrationProblem) in
            try migrations.begin(plan, key: key)
        }
        if isNew { log.info("\(migration.id): asked for", metadata: ["request": "\(request.id)"]) }
        let view = migration.view
        return .json(
            view.plan.role == .source ? 202 : 201, view.json,
            [("Location", "/v1/migrations/\(migration.id)"), ("ETag", view.entityTag)])
    }

    /// `GET /v1/migrations/{id}`: at once, or once the generation is above one that is known.
    func getMigration(_ request: Request) throws(Problem) -> Response {
        let migration = try migration(request)
        let generation = try request.count("after_generation")
        guard let deadline = try request.waitDeadline() else {
            return try representation(migration.view, request)
        }
        try waits.take(for: "waits")
        defer { waits.giveBack() }
        let view = migration.view(
            above: generation ?? migration.view.generation, until: deadline,
            watch: request.head.watch)
        return try representation(view, request)
    }

    /// `DELETE /v1/migrations/{id}`.
    func removeMigration(_ request: Request) throws(Problem) -> Response {
        let migration = try migration(request)
        try request.explaining { () throws(MigrationProblem) in try migrations.remove(migration) }
        log.info("\(migration.id): removed")
        return Response(204)
    }

    /// `POST /v1/migrations/{id}/...`, once its body is read.
    func ask(
        _ wanted: MigrationRequest, of request: Request
    ) throws(Problem) -> Response {
        try tell(wanted, try migration(request), request)
    }

    /// `POST /v1/migrations/{id}/barriers/{name}`.
    func openBarrier(_ request: Request) throws(Problem) -> Response {
        try ask(.releaseBarrier(request.parameters[1]), of: request)
    }

    /// `POST /v1/migrations/{id}/resolve`.
    func resolveMigration(
        _ request: Request, _ body: inout ObjectReader
    ) throws(Problem) -> Response {
        guard let action: MigrationRequest.Resolution = try body.word("action") else {
            throw body.missing("action")
        }
        guard try body.bool("fenced") == true else {
            throw body.wrong(
                "fenced", "is not true: somebody has to vouch that the other side does not run")
        }
        guard let reason = try body.string("reason"), !reason.isEmpty else {
            throw body.missing("reason")
        }
        try body.finish()
        let response = try ask(.resolve(action, reason: reason), of: request)
        log.warning("\(request.parameters[0]): resolved by \(action.rawValue): \(reason)")
        return response
    }

    /// `POST /v1/migrations/{id}/prepare`.
    func prepareMigration(
        _ request: Request, _ body: inout ObjectReader
    ) throws(Problem) -> Response {
        let epoch = try body.epoch()
        let images = try body.images()
        try body.finish()
        return try ask(.prepare(epoch: epoch, images), of: request)
    }

    /// `POST /v1/migrations/{id}/run`.
    func runMigration(_ request: Request, _ body: inout ObjectReader) throws(Problem) -> Response {
        let epoch = try body.epoch()
        let state: MigrationPlan.FinalState = try body.word("final_state") ?? .running
        try body.finish()
        return try ask(.run(epoch: epoch, state), of: request)
    }

    /// `POST /v1/migrations/{id}/discard`: an unknown one is refused from now on.
    func discardMigration(
        _ request: Request, _ body: inout ObjectReader
    ) throws(Problem) -> Response {
        let epoch = try body.epoch()
        try body.finish()
        let id = try migrationID(request)
        if let migration = migrations[id] {
            return try tell(.discard(epoch: epoch), migration, request)
        }
        try request.explaining { () throws(MigrationProblem) in try migrations.bury(id) }
        if let migration = migrations[id] {
            return try tell(.discard(epoch: epoch), migration, request)
        }
        log.info("\(id): to be forgotten before it came")
        return .json(
            200,
            [
                "id": .string("\(id)"), "role": "destination", "epoch": .count(epoch),
                "phase": "discarded", "generation": 0, "devices": [], "conditions": [], "arcs": [],
                "created_at": .string("\(Timestamp.now)"),
            ])
    }

    /// `GET /v1/maintenance`.
    func getMaintenance() -> Response {
        .json(200, migrations.maintenance.json)
    }

    /// `PUT /v1/maintenance`.
    func putMaintenance(_ body: inout ObjectReader) throws(Problem) -> Response {
        guard let isOn = try body.bool("maintenance") else { throw body.missing("maintenance") }
        let reason = try body.string("reason")
        try body.finish()
        migrations.maintenance = Maintenance(isOn: isOn, reason: reason)
        log.info("maintenance: \(isOn)")
        return getMaintenance()
    }

    private func tell(
        _ wanted: MigrationRequest, _ migration: Migration, _ request: Request
    ) throws(Problem) -> Response {
        let view = try request.explaining { () throws(MigrationProblem) in
            try migration.request(wanted, until: .now + .seconds(Limits.longestStep))
        }
        return .json(200, view.json, [("ETag", view.entityTag)])
    }

    private func representation(
        _ view: MigrationView, _ request: Request
    ) throws(Problem) -> Response {
        let tag = [("ETag", view.entityTag)]
        return try request.clientHas(view.entityTag)
            ? Response(304, tag) : .json(200, view.json, tag)
    }

    private func migrationID(_ request: Request) throws(Problem) -> MigrationIdentifier {
        guard let id = MigrationIdentifier(request.parameters[0]) else {
            throw Problem(.notFound, "\(request.action): that is no migration's id.")
        }
        return id
    }

    private func migration(_ request: Request) throws(Problem) -> Migration {
        let id = try migrationID(request)
        guard let migration = migrations[id] else {
            throw Problem(of: .unknown(id), request.action)
        }
        return migration
    }
}

extension Maintenance {
    fileprivate var json: JSONValue {
        ["maintenance": .bool(isOn), "reason": reason.map(JSONValue.string)]
    }
}

extension ObjectReader {
    fileprivate mutating func epoch() throws(Problem) -> UInt64 {
        guard let epoch = try count("epoch", in: 1...UInt64(UInt32.max)) else {
            throw missing("epoch")
        }
        return epoch
    }

    fileprivate mutating func images() throws(Problem) -> Images {
        guard let values = try array("images") else { throw missing("images") }
        var images = Images()
        for (value, pointer) in values {
            guard case .object(let object) = value else {
                throw .invalid(at: pointer, "An image is an object.")
            }
            var image = ObjectReader(object, at: pointer)
            guard let device: DeviceIdentifier = try image.identifier("device") else {
                throw image.missing("device")
            }
            guard let bytes = try image.count("bytes") else { throw image.missing("bytes") }
            guard let sha256 = try image.digest("sha256") else { throw image.missing("sha256") }
            try image.finish()
            guard images.updateValue(Image(bytes: bytes, sha256: sha256), forKey: device) == nil
            else { throw .invalid(at: pointer, "\(device) is named twice.") }
        }
        return images
    }
}

extension Request {
    /// Runs what a migration may refuse, and explains the refusal.
    func explaining<Result>(
        _ body: () throws(MigrationProblem) -> Result
    ) throws(Problem) -> Result {
        do throws(MigrationProblem) {
            return try body()
        } catch {
            throw Problem(of: error, action)
        }
    }
}
