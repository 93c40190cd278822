internal import SystemCalls

/// How much the API takes on at a time.
enum Limits {
    /// A JSON body, in bytes.
    static let jsonBodyBytes = 64 << 10
    /// Streams of device data, up and down.
    static let streams = 64
    /// What a device may keep of its stream to send it again, in bytes.
    static let largestReplayWindow: UInt64 = 16 << 30
    /// Requests that wait for something to happen.
    static let waits = 128
    /// How long a step of a handover may take before its client has to ask again, in seconds.
    static let longestStep = 20
    /// The items of a page.
    static let pageSize: ClosedRange<UInt64> = 1...500
    /// The items of a page where nothing is asked.
    static let defaultPageSize: UInt64 = 100
}

/// A number of places, taken and given back.
final class Slots: Sendable {
    private let limit: Int
    private let taken = Locked(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// Takes a place, for a piece of work that a client may keep going for long.
    func take(for work: String) throws(Problem) {
        let isFull = taken.withLock { taken in
            if taken == limit { return true }
            taken += 1
            return false
        }
        if isFull { throw Problem(.overloaded, "The agent has \(limit) \(work) already.") }
    }

    func giveBack() {
        taken.withLock { $0 -= 1 }
    }
}
