public import SystemCalls

/// What else is to be said of a migration, one sentence for each type; the newest word counts.
public struct Conditions: Hashable, Sendable {
    /// One thing to be said.
    public struct Condition: Hashable, Sendable {
        /// What it is about, in one word: `PeerReachable`.
        public let type: String
        /// Whether it holds.
        public let status: Bool
        /// What it means here.
        public let message: String
        /// Since when it does, or does not.
        public let since: Timestamp
    }

    /// All of them, in the order in which they came up.
    public private(set) var all: [Condition] = []

    mutating func set(_ type: String, _ status: Bool, _ message: String) {
        let place = all.firstIndex { $0.type == type }
        let since = place.map { all[$0] }.flatMap { $0.status == status ? $0.since : nil }
        let condition = Condition(
            type: type, status: status, message: message, since: since ?? .now)
        if let place { all[place] = condition } else { all.append(condition) }
    }

    /// Why something does not hold; nil if it does, or if nothing is known.
    func reason(against type: String) -> String? {
        all.first { $0.type == type && !$0.status }?.message
    }

    mutating func clear(_ type: String) {
        all.removeAll { $0.type == type }
    }
}
