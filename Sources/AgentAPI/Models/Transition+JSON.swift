internal import Devices
internal import JSON
internal import MigrationModel
internal import SystemCalls

extension Arc {
    var json: JSONValue {
        ["from": .string(from.name), "to": .string(to.name)]
    }
}

extension TimedArc {
    var json: JSONValue {
        [
            "from": .string(arc.from.name), "to": .string(arc.to.name),
            "duration_us": .integer(duration.microseconds),
        ]
    }
}

extension Transition {
    var json: JSONValue {
        [
            "id": .string("\(id)"), "from": .string(from.name), "to": .string(to.name),
            "arc": arc?.json, "started_at": .string("\(startedAt)"),
        ]
    }
}

extension TransitionReport {
    /// What PUT state and POST reset answer.
    func json(of device: DeviceIdentifier) -> JSONValue {
        var ended: JSONValue?
        if let sessionEnded {
            ended = [
                "id": .string(sessionEnded.id),
                "outcome": (sessionEnded.outcome?.rawValue).map(JSONValue.string),
                "undelivered": .bool(sessionEnded.undelivered),
            ]
        }
        return [
            "device": .string("\(device)"), "state": .string(state.name),
            "generation": .count(generation), "arcs": .array(arcs.map(\.json)),
            "session": session?.json, "session_ended": ended,
        ]
    }
}

extension [Recovery] {
    var json: JSONValue {
        .array(
            map { recovery in
                switch recovery {
                case .state(let state): .string(state.name)
                case .append: "append"
                case .reset: "reset"
                case .resetWhenIdle: "reset-when-idle"
                }
            })
    }
}
