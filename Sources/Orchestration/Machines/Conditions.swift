public import SystemCalls

/// What else is to be said of a migration, one sentence for each kind; the newest word counts.
public struct Conditions: Hashable, Sendable {
    /// One thing to be said.
    public struct Condition: Hashable, Sendable {
        /// What it is about.
        public let kind: Kind
        /// Whether it holds.
        public let status: Bool
        /// What it means here.
        public let message: String
        /// Since when it does, or does not.
        public let since: Timestamp
    }

    /// What there is to be said. Clients have to reckon with more of them.
    public enum Kind: String, Hashable, Sendable {
        /// The other agent answers.
        case peerReachable = "PeerReachable"
        /// A device has declined to stop, and the stop is tried again.
        case declined = "Declined"
        /// A device is not attached; the migration waits for it.
        case deviceMissing = "DeviceMissing"
        /// A device cannot be taken back or let go of.
        case deviceFailed = "DeviceFailed"
        /// A copy of this side is gone, and the other one has all of them.
        case copyLost = "CopyLost"
        /// A record was not written; it is tried again.
        case journalFailed = "JournalFailed"
        /// The destination does not run, and does not say void either.
        case grantRefused = "GrantRefused"
        /// It runs by an operator's word, without the grant.
        case takenOver = "TakenOver"
        /// Only people can say how it goes on.
        case operatorNeeded = "OperatorNeeded"
        /// The other agent knows that the images are of no use.
        case discarded = "Discarded"
    }

    /// All of them, in the order in which they came up.
    public private(set) var all: [Condition] = []

    mutating func set(_ kind: Kind, _ status: Bool, _ message: String) {
        let place = all.firstIndex { $0.kind == kind }
        let since = place.map { all[$0] }.flatMap { $0.status == status ? $0.since : nil }
        let condition = Condition(
            kind: kind, status: status, message: message, since: since ?? .now)
        if let place { all[place] = condition } else { all.append(condition) }
    }

    /// Why something does not hold; nil if it does, or if nothing is known.
    func reason(against kind: Kind) -> String? {
        all.first { $0.kind == kind && !$0.status }?.message
    }

    mutating func clear(_ kind: Kind) {
        all.removeAll { $0.kind == kind }
    }
}
