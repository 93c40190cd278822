internal import Devices
internal import HTTPServer
internal import JSON
internal import Orchestration
internal import SystemCalls

extension AgentAPI {
    /// `GET /v1`.
    func describeAgent() -> Response {
        .json(
            200,
            [
                "id": .string(agent.id), "version": .string(agent.version),
                "kernel": .string(hostKernelRelease),
                "libmicrohttpd": .string(HTTPServer.libraryVersion),
                "extensions": agent.simulates ? ["simulation"] : [],
                "limits": [
                    "connections": .integer(Int64(ServerLimits.connections)),
                    "streams": .integer(Int64(Limits.streams)),
                    "waits": .integer(Int64(Limits.waits)),
                    "migrations_in": .integer(Int64(migrations.limits.incoming)),
                    "migrations_out": .integer(Int64(migrations.limits.outgoing)),
                    "migration_bytes_per_second": migrations.limits.bytesPerSecond.flatMap(
                        JSONValue.count),
                    "devices": .integer(Int64(DeviceRegistry.mostDevices)),
                    "json_body_bytes": .integer(Int64(Limits.jsonBodyBytes)),
                    "page_size": .count(Limits.pageSize.upperBound),
                    "wait_ms": .count(Request.longestWait),
                ],
            ])
    }
}

extension Response {
    /// A response with a JSON body.
    static func json(
        _ status: Int, _ value: JSONValue, _ fields: [(name: String, value: String)] = []
    ) -> Response {
        Response(status, [("Content-Type", "application/json")] + fields, value.encoded())
    }
}
