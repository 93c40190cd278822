public import JSON
internal import SystemCalls

/// When the parts of a stop began, on the migration's clock.
public struct Downtime: Hashable, Sendable {
    var quiesceStart: Duration?
    var stopStart: Duration?
    var drainStart: Duration?
    var prepareStart: Duration?
    var decideStart: Duration?
    var committed: Duration?
    var running: Duration?
    var rolledBack: Duration?

    /// The parts in their order, each with the moment that it ends at; the next one begins there.
    private static var order: [(name: String, end: WritableKeyPath<Downtime, Duration?>)] {
        [
            ("quiesce", \.stopStart), ("stop", \.drainStart), ("drain", \.prepareStart),
            ("prepare", \.decideStart), ("decide", \.committed), ("run", \.running),
            ("roll_back", \.rolledBack),
        ]
    }

    /// Nothing has begun.
    init() {}

    /// The parts as they were written down; nothing if they were not.
    init(_ json: JSONObject) {
        var moment = Duration.zero
        for (name, end) in Self.order {
            guard case .integer(let part)? = json["\(name)_us"] else { continue }
            quiesceStart = .zero
            moment += .microseconds(part)
            self[keyPath: end] = moment
        }
    }

    /// From the first device's leaving of PRE_COPY to the destination's word that all run, or until all run
    /// again here; nil until then.
    public var total: Duration? {
        guard let quiesceStart, let end = running ?? rolledBack else { return nil }
        return end - quiesceStart
    }

    /// The parts by their names, as far as they are over.
    public var parts: [(name: String, duration: Duration)] {
        guard var start = quiesceStart else { return [] }
        return Self.order.compactMap { name, end in
            guard let mark = self[keyPath: end] else { return nil }
            defer { start = mark }
            return (name, mark - start)
        }
    }

    /// The parts and their sum, in microseconds.
    public var json: JSONObject {
        var object = JSONObject()
        if let total { object["total_us"] = .integer(total.microseconds) }
        for part in parts { object["\(part.name)_us"] = .integer(part.duration.microseconds) }
        return object
    }
}
