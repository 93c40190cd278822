internal import Devices
internal import HTTPServer

/// A request that has found its route.
struct Request: Sendable {
    let id: String
    let head: RequestHead
    /// The parameters of the path, in their order.
    let parameters: [String]
    private let query: [(name: String, value: String)]

    init(
        id: String, _ head: RequestHead, _ target: RequestTarget, _ route: Route,
        parameters: [String]
    ) throws(Problem) {
        self.id = id
        self.head = head
        self.parameters = parameters
        query = target.query
        var seen: Set<String> = []
        for (name, _) in query {
            guard route.query.contains(name) else {
                throw .invalid(parameter: name, "The parameter '\(name)' is not known here.")
            }
            guard seen.insert(name).inserted else {
                throw .invalid(parameter: name, "The parameter '\(name)' is there twice.")
            }
        }
    }

    /// `PUT /v1/devices/sim0/state`: what the client tried, for the details of problems.
    var action: String {
        "\(head.method) /\(head.rawTarget.drop { $0 != "/" }.dropFirst().prefix { $0 != "?" })"
    }

    func string(_ name: String) -> String? {
        query.first { $0.name == name }?.value
    }

    func bool(_ name: String) throws(Problem) -> Bool {
        switch string(name) {
        case nil, "false": return false
        case "true": return true
        default: throw .invalid(parameter: name, "'\(name)' is neither true nor false.")
        }
    }

    func count(
        _ name: String, in range: ClosedRange<UInt64> = 0...UInt64(Int64.max)
    ) throws(Problem) -> UInt64? {
        guard let text = string(name) else { return nil }
        guard let count = UInt64(digits: text), range.contains(count) else {
            throw .invalid(
                parameter: name,
                "'\(name)' is not an integer between \(range.lowerBound) and \(range.upperBound).")
        }
        return count
    }

    /// One of some words.
    func word<Word: RawRepresentable & CaseIterable>(
        _ name: String
    ) throws(Problem) -> Word? where Word.RawValue == String {
        guard let text = string(name) else { return nil }
        guard let word = Word(rawValue: text) else {
            let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid(parameter: name, "'\(name)' is not one of: \(words).")
        }
        return word
    }

    /// The longest that a request may be waited for, in milliseconds.
    static let longestWait: UInt64 = 60_000

    /// How long the client is ready to wait.
    func waitDeadline() throws(Problem) -> ContinuousClock.Instant? {
        guard let wait = try count("wait_ms", in: 0...Self.longestWait) else { return nil }
        return .now + .milliseconds(Int64(wait))
    }
}

extension UInt64 {
    /// The number that a text of digits and nothing else says.
    init?(digits text: String) {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        self.init(text)
    }
}
