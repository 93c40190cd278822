internal import HTTPServer
internal import Orchestration

extension AgentAPI {
    /// Every operation of the API. A test compares it with openapi.yaml, both ways.
    static let routes: [Route] = [
        Route("GET", "/v1", .answer { api, _ in api.describeAgent() }),
        Route("GET", "/v1/openapi.json", .answer { _, _ in OpenAPIDocument.json }),
        Route("GET", "/v1/openapi.yaml", .answer { _, _ in OpenAPIDocument.yaml }),
        Route(
            "GET", "/v1/host-devices", query: ["limit", "page_token"],
            .answer { api, request throws(Problem) in try api.listHostDevices(request) }),

        Route(
            "GET", "/v1/devices", query: ["limit", "page_token", "state", "backend"],
            .answer { api, request throws(Problem) in try api.listDevices(request) }),
        Route(
            "POST", "/v1/devices",
            .json { api, _, body throws(Problem) in try api.attachDevice(&body) }),
        Route(
            "GET", "/v1/devices/{id}",
            .answer { api, request throws(Problem) in try api.getDevice(request) }),
        Route(
            "DELETE", "/v1/devices/{id}", query: ["force"],
            .answer { api, request throws(Problem) in try api.detachDevice(request) }),

        Route(
            "GET", "/v1/devices/{id}/state", query: ["wait_ms", "after_generation"],
            .answer { api, request throws(Problem) in try api.getState(request) }),
        Route(
            "PUT", "/v1/devices/{id}/state", query: ["wait_ms"],
            .json { api, request, body throws(Problem) in try api.putState(request, &body) }),
        Route(
            "POST", "/v1/devices/{id}/reset",
            .answer { api, request throws(Problem) in try api.resetDevice(request) }),
        Route(
            "GET", "/v1/devices/{id}/precopy-info", query: ["max_age_ms", "wait_ms", "until"],
            .answer { api, request throws(Problem) in try api.getPrecopyInfo(request) }),

        Route(
            "GET", "/v1/devices/{id}/session",
            .answer { api, request throws(Problem) in try api.getSession(request) }),
        Route(
            "GET", "/v1/devices/{id}/data",
            query: ["offset", "until", "limit", "max_bytes_per_second", "digest"],
            .answer { api, request throws(Problem) in try api.downloadData(request) }),
        Route(
            "HEAD", "/v1/devices/{id}/data",
            .answer { api, request throws(Problem) in try api.describeData(request) }),
        Route(
            "PUT", "/v1/devices/{id}/data", query: ["digest"],
            .upload { api, request throws(Problem) in try api.uploadData(request) }),
        Route(
            "PATCH", "/v1/devices/{id}/data", query: ["digest"],
            .upload { api, request throws(Problem) in try api.appendData(request) }),

        Route(
            "GET", "/v1/migrations", query: ["limit", "page_token", "phase", "role"],
            .answer { api, request throws(Problem) in try api.listMigrations(request) }),
        Route(
            "POST", "/v1/migrations", query: ["dry_run"],
            .json { api, request, body throws(Problem) in
                try api.beginMigration(request, &body)
            }),
        Route(
            "GET", "/v1/migrations/{id}", query: ["wait_ms", "after_generation"],
            .answer { api, request throws(Problem) in try api.getMigration(request) }),
        Route(
            "DELETE", "/v1/migrations/{id}",
            .answer { api, request throws(Problem) in try api.removeMigration(request) }),
        Route(
            "POST", "/v1/migrations/{id}/switchover",
            .answer { api, request throws(Problem) in try api.ask(.switchover, of: request) }),
        Route(
            "POST", "/v1/migrations/{id}/cancel",
            .answer { api, request throws(Problem) in try api.ask(.cancel, of: request) }),
        Route(
            "POST", "/v1/migrations/{id}/barriers/{name}",
            .answer { api, request throws(Problem) in try api.openBarrier(request) }),
        Route(
            "POST", "/v1/migrations/{id}/resolve",
            .json { api, request, body throws(Problem) in
                try api.resolveMigration(request, &body)
            }),
        Route(
            "POST", "/v1/migrations/{id}/prepare",
            .json { api, request, body throws(Problem) in
                try api.prepareMigration(request, &body)
            }),
        Route(
            "POST", "/v1/migrations/{id}/run",
            .json { api, request, body throws(Problem) in try api.runMigration(request, &body) }),
        Route(
            "POST", "/v1/migrations/{id}/discard",
            .json { api, request, body throws(Problem) in
                try api.discardMigration(request, &body)
            }),
        Route(
            "POST", "/v1/migrations/{id}/commit",
            .answer { api, request throws(Problem) in try api.ask(.commit, of: request) }),
        Route(
            "POST", "/v1/migrations/{id}/finish",
            .answer { api, request throws(Problem) in try api.ask(.finish, of: request) }),
        Route(
            "POST", "/v1/migrations/{id}/void",
            .answer { api, request throws(Problem) in try api.ask(.void, of: request) }),

        Route("GET", "/v1/maintenance", .answer { api, _ in api.getMaintenance() }),
        Route(
            "PUT", "/v1/maintenance",
            .json { api, _, body throws(Problem) in try api.putMaintenance(&body) }),

        Route(
            "GET", "/problems/{slug}",
            .answer { _, request throws(Problem) in try ProblemPage.response(request) }),
    ]

    /// What a path and a method lead to.
    enum Match {
        case route(Route, parameters: [String])
        /// The path is there, the method is not.
        case otherMethods(allowed: [String])
        case nothing
    }

    static func match(_ method: String, _ segments: [String]) -> Match {
        // A GET answers HEAD as well, except where HEAD is an operation of its own.
        for wanted in method == "HEAD" ? ["HEAD", "GET"] : [method] {
            for route in routes where route.method == wanted {
                if let parameters = route.match(segments) {
                    return .route(route, parameters: parameters)
                }
            }
        }
        var allowed = routes.filter { $0.match(segments) != nil }.map(\.method)
        if allowed.isEmpty { return .nothing }
        if allowed.contains("GET") && !allowed.contains("HEAD") { allowed.append("HEAD") }
        return .otherMethods(allowed: allowed + ["OPTIONS"])
    }
}
