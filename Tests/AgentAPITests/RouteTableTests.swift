import HTTPServer
import JSON
import TestSupport
import Testing

@testable import AgentAPI

@Suite("The route table")
struct RouteTableTests {
    /// The operations of the published document: `GET /v1/devices/{id}/data`, with their parameters.
    private func documentedOperations() throws -> [String: Set<String>] {
        guard case .bytes(let text) = OpenAPIDocument.json.body,
            case .object(let document) = try JSONValue(decoding: text),
            case .object(let paths)? = document["paths"]
        else { throw Missing() }
        var operations: [String: Set<String>] = [:]
        for path in paths.members {
            guard case .object(let item) = path.value else { throw Missing() }
            for operation in item.members where operation.name != "parameters" {
                operations["\(operation.name.uppercased()) \(path.name)"] =
                    try queryParameters(operation.value, document)
            }
        }
        return operations
    }

    private struct Missing: Error {}

    private func queryParameters(
        _ operation: JSONValue, _ document: JSONObject
    ) throws -> Set<String> {
        guard case .object(let members) = operation else { throw Missing() }
        guard case .array(let parameters)? = members["parameters"] else { return [] }
        var names: Set<String> = []
        for parameter in parameters {
            guard case .object(let object) = try resolved(parameter, document),
                case .string(let place)? = object["in"], case .string(let name)? = object["name"]
            else { throw Missing() }
            if place == "query" { names.insert(name) }
        }
        return names
    }

    private func resolved(_ value: JSONValue, _ document: JSONObject) throws -> JSONValue {
        guard case .object(let object) = value, case .string(let reference)? = object["$ref"] else {
            return value
        }
        var current = JSONValue.object(document)
        for name in reference.split(separator: "/").dropFirst() {
            guard case .object(let object) = current, let next = object[String(name)] else {
                throw Missing()
            }
            current = next
        }
        return current
    }

    @Test("has the operations of openapi.yaml, and openapi.yaml has those of the table")
    func document() throws {
        let documented = try documentedOperations()
        let built = Dictionary(
            uniqueKeysWithValues: AgentAPI.routes.map { ("\($0.method) \($0.path)", $0.query) })
        #expect(Set(documented.keys) == Set(built.keys))
        for (operation, parameters) in built {
            #expect(documented[operation] == parameters, "\(operation)")
        }
    }

    @Test("answers HEAD wherever it answers GET, and OPTIONS everywhere")
    func implicitMethods() {
        let caller = Caller()
        _ = caller.call("POST", "/v1/devices", #"{"source": {"simulated": {}}}"#)
        for route in AgentAPI.routes where route.method == "GET" {
            let target = route.path
                .replacing("{id}", with: "sim0").replacing("{slug}", with: "not-found")
            if !target.hasSuffix("/data") {
                let get = caller.call("GET", target)
                let head = caller.call("HEAD", target)
                #expect(get.status == head.status, "\(target)")
            }
            let options = caller.call("OPTIONS", target)
            #expect(options.status == 204)
            #expect(options.fields["Allow"]?.contains("GET, ") == true)
            #expect(options.fields["Allow"]?.contains("HEAD") == true)
        }
    }

    @Test("tells a wrong method from a wrong path")
    func wrongMethods() {
        let caller = Caller()
        let wrong = caller.call("DELETE", "/v1/devices")
        #expect(wrong.status == 405)
        #expect(wrong.code == "method-not-allowed")
        #expect(wrong.fields["Allow"] == "GET, POST, HEAD, OPTIONS")
        for path in ["/", "/v1/", "/v2", "/v1/devices/", "/v1/devices/sim0/state/", "//v1"] {
            #expect(caller.call("GET", path).code == "not-found", "\(path)")
        }
    }
}
