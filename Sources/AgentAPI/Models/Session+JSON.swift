internal import Devices
internal import Digests
internal import JSON
internal import MigrationModel
internal import SystemCalls

extension TransferSession {
    var json: JSONValue {
        [
            "id": .string(id), "direction": .string(direction.rawValue),
            "phase": .string(phase.rawValue), "offset": .count(offset),
            "earliest_offset": earliestOffset.flatMap(JSONValue.count),
            "sha256": (sha256?.hexadecimal).map(JSONValue.string),
            "declared_bytes": declaredBytes.flatMap(JSONValue.count),
            "opened_at": .string("\(openedAt)"),
            "ended_at": endedAt.map { .string("\($0)") },
            "outcome": (outcome?.rawValue).map(JSONValue.string),
            "last_error": lastError?.json,
        ]
    }

    /// The session as a member of its device: who it is and how far.
    var summary: JSONValue {
        [
            "id": .string(id), "direction": .string(direction.rawValue),
            "phase": .string(phase.rawValue),
        ]
    }
}

extension DeviceError {
    /// The problem as it stands in a device or a session.
    var json: JSONValue {
        Problem(
            .deviceFailed, "The \(text).", ["errno": .string(errno.name)]
        ).json()
    }
}

extension PrecopySample {
    var json: JSONValue {
        [
            "initial_bytes": .count(info.initialBytes), "dirty_bytes": .count(info.dirtyBytes),
            "reinit": info.reinit.map(JSONValue.bool), "stale": .bool(isStale),
            "sampled_at": .string("\(sampledAt)"),
        ]
    }
}
