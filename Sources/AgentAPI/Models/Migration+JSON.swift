internal import Devices
internal import JSON
internal import MigrationModel
internal import Orchestration
internal import SystemCalls

extension MigrationView {
    /// The migration as a resource.
    var json: JSONValue {
        let isSource = plan.role == .source
        let condition = { (condition: Conditions.Condition) -> JSONValue in
            [
                "type": .string(condition.kind.rawValue), "status": .bool(condition.status),
                "message": .string(condition.message), "since": .string("\(condition.since)"),
            ]
        }
        return [
            "id": .string("\(plan.id)"), "role": .string(plan.role.rawValue),
            "coordinator": isSource ? .string(plan.coordinator.rawValue) : nil,
            "epoch": .count(epoch), "phase": .string(phase.rawValue),
            "generation": .count(generation), "options": isSource ? plan.optionsJSON : nil,
            "devices": .array(
                devices.indices.map { devices[$0].json(assessment?.devices[$0]) }),
            "estimate": assessment?.estimate.json,
            "verdict": verdict.map(JSONValue.string),
            "conditions": .array(conditions.map(condition)),
            "barriers": barriers.isEmpty ? nil : .array(barriers.map(\.json)),
            "arcs": .array(arcs.map(\.json)),
            "downtime": downtime.total == nil ? nil : .object(downtime.json),
            "failure": failure, "created_at": .string("\(createdAt)"),
            "ended_at": endedAt.map { .string("\($0)") },
        ]
    }

    /// Its entity tag: the generation, in quotes.
    var entityTag: String { "\"\(generation)\"" }
}

extension MigrationPlan {
    /// What was asked, with what is taken where nothing was said; without credentials.
    fileprivate var optionsJSON: JSONValue {
        [
            "destination": destination.map { destination in
                [
                    "url": .string(destination.url),
                    "data_url": destination.dataURL.map(JSONValue.string),
                ]
            },
            "mode": .string(options.mode.rawValue),
            "switchover": .string(options.switchover.rawValue),
            "downtime_limit_ms": .integer(options.downtimeLimit.milliseconds),
            "max_downtime_ms": .integer(options.longestDowntime.milliseconds),
            "on_downtime_exceeded": .string(options.onDowntimeExceeded.rawValue),
            "max_duration_ms": options.maxDuration.map { .integer($0.milliseconds) },
            "on_timeout": .string(options.onTimeout.rawValue),
            "max_bytes_per_second": options.maxBytesPerSecond.flatMap(JSONValue.count),
            "final_state": .string(options.finalState.rawValue),
            "source_after": .string(options.sourceAfter.rawValue),
            "barriers": .array(options.barriers.map { .string($0.rawValue) }),
            "barrier_timeout_ms": .integer(options.barrierTimeout.milliseconds),
            "allow_sole_holder": .bool(options.allowSoleHolder),
            "allow_missing_p2p": .bool(options.allowMissingP2P),
        ]
    }
}

extension Forecast {
    /// What a migration would be, in the words of a migration.
    var json: JSONValue {
        [
            "options": plan.optionsJSON,
            "devices": .array(
                zip(plan.devices, lengths).map { pair, length in
                    [
                        "source": .string("\(pair.source)"),
                        "destination": pair.destination.map { .string("\($0)") },
                        "restarts": 0,
                        "progress": [
                            "bytes": 0, "stop_copy_length": length.flatMap(JSONValue.count),
                        ],
                    ]
                }),
            "estimate": [
                "remaining_bytes": bytes.flatMap(JSONValue.count),
                "bytes_per_second": bytesPerSecond.flatMap(JSONValue.count),
                "remaining_ms": duration.map { .integer($0.milliseconds) },
                "downtime_ms": downtime.map { .integer($0.milliseconds) },
            ],
            "verdict": .string(verdict),
        ]
    }
}

extension MigrationView.Device {
    fileprivate func json(_ estimate: DeviceEstimate?) -> JSONValue {
        [
            "source": .string("\(source)"),
            "destination": destination.map { .string("\($0)") }, "state": .string(state.name),
            "destination_state": (destinationState?.name).map(JSONValue.string),
            "restarts": .integer(Int64(restarts)), "progress": progress?.json(estimate),
            "image": image?.json,
        ]
    }
}

extension MigrationView.Progress {
    fileprivate func json(_ estimate: DeviceEstimate?) -> JSONValue {
        [
            "bytes": .count(bytes),
            "bytes_per_second": estimate?.bytesPerSecond.flatMap(JSONValue.count),
            "acknowledged_bytes": acknowledgedBytes.flatMap(JSONValue.count),
            "initial_bytes": info.flatMap { .count($0.initialBytes) },
            "dirty_bytes": info.flatMap { .count($0.dirtyBytes) },
            "dirty_bytes_per_second": estimate?.dirtyBytesPerSecond.flatMap(JSONValue.count),
            "stop_copy_length": stopCopyLength.flatMap(JSONValue.count),
        ]
    }
}

extension Estimate {
    fileprivate var json: JSONValue {
        [
            "remaining_bytes": remainingBytes.flatMap(JSONValue.count),
            "bytes_per_second": bytesPerSecond.flatMap(JSONValue.count),
            "dirty_bytes_per_second": dirtyBytesPerSecond.flatMap(JSONValue.count),
            "remaining_ms": remaining.map { .integer($0.milliseconds) },
            "downtime_ms": downtime.map { .integer($0.milliseconds) },
            "converges": converges.map(JSONValue.bool),
        ]
    }
}

extension BarrierState {
    fileprivate var json: JSONValue {
        [
            "name": .string(barrier.rawValue),
            "reached_at": reachedAt.map { .string("\($0)") },
            "released_at": releasedAt.map { .string("\($0)") },
        ]
    }
}

extension ArcEntry {
    fileprivate var json: JSONValue {
        [
            "side": .string(side.rawValue), "device": .string("\(device)"),
            "from": .string(arc.from.name), "to": .string(arc.to.name),
            "duration_us": .integer(duration.microseconds), "at": .string("\(at)"),
        ]
    }
}

extension Duration {
    /// In whole milliseconds.
    var milliseconds: Int64 { microseconds / 1000 }
}
