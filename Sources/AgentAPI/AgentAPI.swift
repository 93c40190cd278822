public import Devices
public import HTTPServer
internal import JSON
public import Logging
public import Orchestration
internal import SystemCalls
public import SystemPackage

/// The HTTP API of an agent: finds the route of a request, runs it, and turns what goes wrong into
/// problems.
public final class AgentAPI: RequestHandler {
    let agent: AgentDescription
    let registry: DeviceRegistry
    let migrations: Migrations
    let opener: any DeviceOpener
    let log: Logger
    let streams = Slots(limit: Limits.streams)
    let waits = Slots(limit: Limits.waits)
    private let isEnding = Locked(false)
    private let requestIDs = RequestIDs()

    /// The API over the devices of a registry, which come from an opener.
    public init(
        _ agent: AgentDescription, _ registry: DeviceRegistry, _ migrations: Migrations,
        opener: any DeviceOpener, log: Logger
    ) {
        self.agent = agent
        self.registry = registry
        self.migrations = migrations
        self.opener = opener
        self.log = log
    }

    /// From now on new requests are answered with 503, and waits end.
    public func beginShutdown() {
        isEnding.withLock { $0 = true }
        for device in registry.devices { device.endWaits() }
        migrations.endWork()
    }

    /// How a migration writes requests and problems down.
    public static var codec: any MigrationCodec { APICodec() }

    var isShuttingDown: Bool {
        isEnding.withLock { $0 }
    }

    // MARK: RequestHandler

    /// Finds the route of a request and decides what happens to its body.
    public func receive(_ head: RequestHead) -> Reception {
        let id = requestIDs.id(of: head)
        do throws(Problem) {
            return try reception(of: head, id)
        } catch {
            return .refuse(answer(error, to: head, id))
        }
    }

    private func reception(of head: RequestHead, _ id: String) throws(Problem) -> Reception {
        if isShuttingDown {
            throw Problem(.shuttingDown, "\(head.method) was refused: the agent is ending.")
        }
        try head.refuseOtherOrigins()
        let target: RequestTarget
        do throws(RequestTarget.Fault) {
            target = try RequestTarget(head.rawTarget)
        } catch {
            throw .invalid(parameter: "path", "The request's target \(error.reason).")
        }
        if head.method == "OPTIONS" { return try options(target, id) }
        switch Self.match(head.method, target.segments) {
        case .nothing:
            throw Problem(.notFound, "There is nothing at this path.")
        case .otherMethods(let allowed):
            var problem = Problem(.methodNotAllowed, "\(head.method) does not work here.")
            problem.fields.append(("Allow", allowed.joined(separator: ", ")))
            throw problem
        case .route(let route, let parameters):
            let request = try Request(id: id, head, target, route, parameters: parameters)
            return try perform(route, request)
        }
    }

    private func options(_ target: RequestTarget, _ id: String) throws(Problem) -> Reception {
        if target.segments.isEmpty {
            return .refuse(Response(204, [("Request-Id", id)]))
        }
        guard case .otherMethods(let allowed) = Self.match("OPTIONS", target.segments) else {
            throw Problem(.notFound, "There is nothing at this path.")
        }
        return .refuse(
            Response(204, [("Allow", allowed.joined(separator: ", ")), ("Request-Id", id)]))
    }

    private func perform(_ route: Route, _ request: Request) throws(Problem) -> Reception {
        switch route.action {
        case .answer(let body):
            return .answer { [self] in
                respond(to: request) { () throws(Problem) in try body(self, request) }
            }
        case .json(let body):
            try request.requireMediaType("application/json", isRequired: true)
            // A device that is not there is known before the body comes.
            if route.isOfDevice { _ = try device(request) }
            return .collect(
                limit: Limits.jsonBodyBytes,
                then: { [self] bytes in
                    respond(to: request) { () throws(Problem) in
                        var reader = try ObjectReader(decoding: bytes)
                        return try body(self, request, &reader)
                    }
                },
                tooLarge: { [self] in
                    respond(to: request) { () throws(Problem) in
                        throw Problem(
                            .bodyTooLarge, "\(request.action): the body has more than 64 KiB.")
                    }
                })
        case .upload(let body):
            try request.requireMediaType("application/octet-stream", isRequired: false)
            return .upload(try body(self, request))
        }
    }

    /// Runs an operation, and answers with the problem if it has one.
    func respond(
        to request: Request, _ operation: () throws(Problem) -> Response
    ) -> Response {
        do throws(Problem) {
            var response = try operation()
            response.fields.append(("Request-Id", request.id))
            return response
        } catch {
            return answer(error, to: request.head, request.id)
        }
    }

    private func answer(_ problem: Problem, to head: RequestHead, _ id: String) -> Response {
        // What passes by itself is nobody's fault, and there may be a lot of it.
        if problem.slug.status >= 500 && !problem.slug.isRetryable {
            log.error("\(problem.detail)", metadata: ["request": "\(id)"])
        } else {
            log.debug("\(problem.detail)", metadata: ["request": "\(id)"])
        }
        var response = problem.response(requestID: id)
        response.fields.append(("Request-Id", id))
        return response
    }

    /// Answers a request that can be read in two ways.
    public func refusal(of head: RequestHead, for fault: FramingFault) -> Response {
        let problem = Problem(.ambiguousFraming, "The request was refused: \(fault.reason).")
        return answer(problem, to: head, requestIDs.id(of: head))
    }

    /// Uploads are bulk; downloads go past the connection's memory.
    public func isBulk(method: Substring, rawTarget: Substring) -> Bool {
        let path = rawTarget.prefix { $0 != "?" }
        return path.hasSuffix("/data") && ["PUT", "PATCH"].contains(method)
    }

    /// A complete response, for a connection that nobody reads.
    public var overloadedResponse: [UInt8] {
        let problem = Problem(.overloaded, "The agent has as many connections as it takes.")
        let id = requestIDs.next()
        let body = problem.json(requestID: id).encoded()
        let head = """
            HTTP/1.1 503 Service Unavailable\r
            Content-Type: application/problem+json\r
            Content-Length: \(body.count)\r
            Request-Id: \(id)\r
            Retry-After: 1\r
            Connection: close\r
            \r\n
            """
        return Array(head.utf8) + body
    }
}

/// What an agent tells of itself.
public struct AgentDescription: Sendable {
    /// A name that no other run of an agent has.
    public let id: String
    /// The agent's version.
    public let version: String
    /// Simulated devices can be attached.
    public let simulates: Bool
    /// The directory that cdevs are in.
    public let cdevs: FilePath

    /// What an agent tells of itself.
    public init(id: String, version: String, simulates: Bool, cdevs: FilePath) {
        self.id = id
        self.version = version
        self.simulates = simulates
        self.cdevs = cdevs
    }
}

extension RequestTarget.Fault {
    fileprivate var reason: String {
        switch self {
        case .form: "is neither a path nor a URL, or has bytes beyond ASCII"
        case .encoding: "has a percent sign without two digits, NUL, or bytes that are not UTF-8"
        case .dotSegment: "has a segment '.' or '..'"
        }
    }
}
