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

    /// The parts in their order, each with the moment that it ends at; the next one begins there.
    private static var order: [(name: String, end: WritableKeyPath<Downtime, Duration?>)] {
        [
            ("quiesce", \.stopStart), ("stop", \.drainStart), ("drain", \.prepareStart),
            ("prepare", \.decideStart), ("decide", \.committed), ("run", \.running),
        ]
    }

    /// Nothing has begun.
    init() {}

    /// The parts as they were written down; nothing if they were not.
    init(_ json: JSONObject) {
        var moment = Duration.zero
        for (name, end) in Self.order {
            guard case .integer(let part)? = json["\(name)_us"] else { return }
            quiesceStart = .zero
            moment += .microseconds(part)
            self[keyPath: end] = moment
        }
    }

    /// From the first device's leaving of PRE_COPY to the destination's word that all run; nil until then.
    public var total: Duration? {
        guard let quiesceStart, let running else { return nil }
        return running - quiesceStart
    }

    /// The parts by their names, as far as they are over.
    public var parts: [(name: String, duration: Duration)] {
        var start = quiesceStart
        return Self.order.compactMap { name, end in
            let mark = self[keyPath: end]
            defer { start = mark }
            guard let start, let mark else { return nil }
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
