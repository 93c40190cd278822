import ArgumentParser
import HTTPClient
import JSON
import SystemCalls
import SystemPackage

/// Which agent a command talks to, and how it answers.
struct AgentOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The agent: http://host:port, https://host or unix:/path. By default $FERRY_AGENT.",
            valueName: "url"))
    var agent: String?

    @Flag(help: "Print what the agent answers, as JSON.")
    var json = false

    /// The agent's API; exits with 64 where its address makes no sense.
    func client() throws -> AgentClient {
        let text = agent ?? Environment.value(of: "FERRY_AGENT") ?? "http://127.0.0.1:8440"
        guard let endpoint = Endpoint(text) else {
            throw ValidationError(
                "'\(text)' is no agent: http://host:port, https://host or unix:/path.")
        }
        return AgentClient(HTTPClient(endpoint, connectTimeout: .seconds(5)))
    }
}

/// How a command ends; 0 is success, 64 a typing error.
enum Exit {
    /// The agent refused it, or failed at it.
    static let refused = ExitCode(1)
    /// The agent cannot be reached, or what answers is none.
    static let unreachable = ExitCode(2)
    /// A migration was given up: the source runs.
    static let givenUp = ExitCode(3)
    /// A migration needs an operator: both stand still.
    static let inDoubt = ExitCode(4)
}

/// An agent's API, for people: what goes wrong is said on standard error, and ends the command.
struct AgentClient {
    private let http: HTTPClient

    init(_ http: HTTPClient) {
        self.http = http
    }

    /// Sends a request and answers its JSON.
    ///
    /// Exits with ``Exit/refused`` or ``Exit/unreachable``.
    func send(
        _ method: String, _ path: String, _ body: JSONValue? = nil,
        _ fields: [(name: String, value: String)] = []
    ) throws -> JSONValue {
        let type = body == nil ? [] : [("Content-Type", "application/json")]
        let request = HTTPRequest(method, path, fields + type, body: body?.encoded())
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try http.send(request)
        } catch {
            complain("the agent at \(http.endpoint) does not answer: \(error.reason)")
            complain("Is it running? Say where it is by --agent or $FERRY_AGENT.")
            throw Exit.unreachable
        }
        let answer = (try? JSONValue(decoding: response.body)) ?? .null
        guard response.status >= 400 else { return answer }
        guard let detail = answer["detail"]?.text else {
            complain("what answers at \(http.endpoint) is no agent: status \(response.status)")
            throw Exit.unreachable
        }
        complain(detail)
        if let code = answer["code"]?.text {
            complain("What to do: \(http.endpoint)/problems/\(code)")
        }
        throw Exit.refused
    }
}

/// Says something on standard error.
func complain(_ text: String) {
    _ = try? FileDescriptor.standardError.writeAll("ferry: \(printable(text))\n".utf8)
}

/// A text of an agent's, fit for a terminal: nothing in it moves the cursor.
func printable(_ text: String) -> String {
    String(
        String.UnicodeScalarView(
            text.unicodeScalars.map { scalar in
                scalar.properties.generalCategory == .control ? "\u{fffd}" : scalar
            }))
}

/// Prints a value as the agent sent it.
func printJSON(_ value: JSONValue) {
    print(String(decoding: value.encoded(), as: UTF8.self), terminator: "")
}

/// Columns of text, each as wide as it has to be.
func printTable(_ rows: [[String]]) {
    guard let columns = rows.map(\.count).max() else { return }
    let widths = (0..<columns).map { column in
        rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0
    }
    for row in rows {
        let cells = zip(row, widths).map { text, width in
            text + String(repeating: " ", count: width - text.count)
        }
        let line = cells.joined(separator: "  ")
        print(printable(String(line.reversed().drop { $0 == " " }.reversed())))
    }
}
