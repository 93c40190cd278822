public import Devices
internal import JSON
internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

extension SimulationPlan {
    /// Reads a plan as `POST /v1/devices` takes it, from a text that is a JSON object.
    public init(parsing text: String) throws(PlanSyntaxError) {
        do throws(Problem) {
            var reader = try ObjectReader(decoding: Array(text.utf8))
            try self.init(&reader)
        } catch {
            throw PlanSyntaxError(reason: error.detail)
        }
    }

    var json: JSONValue {
        [
            "features": .array(features.names.map(JSONValue.string)),
            "initial_bytes": .count(initialBytes), "stop_copy_bytes": .count(stopCopyBytes),
            "dirty_bytes_per_second": .count(dirtyBytesPerSecond), "seed": .count(seed),
            "temporary_end": .string(temporaryEnd.rawValue),
            "arc_latency_us": .count(arcLatencyMicroseconds),
            "precopy_info": .string(precopyInfo.rawValue),
            "last_close_resets": .bool(lastCloseResets),
            "faults": faults.isEmpty ? nil : .array(faults.map(\.json)),
        ]
    }

    init(_ reader: inout ObjectReader) throws(Problem) {
        self.init()
        let sections = Self.smallestSection...Self.largestSection
        features = try Self.features(&reader) ?? features
        initialBytes = try reader.count("initial_bytes", in: sections) ?? initialBytes
        stopCopyBytes = try reader.count("stop_copy_bytes", in: sections) ?? stopCopyBytes
        dirtyBytesPerSecond =
            try reader.count("dirty_bytes_per_second", in: 0...Self.highestDirtyRate)
            ?? dirtyBytesPerSecond
        seed = try reader.count("seed") ?? seed
        temporaryEnd = try reader.word("temporary_end") ?? temporaryEnd
        arcLatencyMicroseconds =
            try reader.count("arc_latency_us", in: 0...Self.longestLatencyMicroseconds)
            ?? arcLatencyMicroseconds
        precopyInfo = try reader.word("precopy_info") ?? precopyInfo
        lastCloseResets = try reader.bool("last_close_resets") ?? lastCloseResets
        faults = try Self.faults(&reader) ?? faults
        try reader.finish()
    }

    private static func features(
        _ reader: inout ObjectReader
    ) throws(Problem) -> MigrationFeatures? {
        guard let values = try reader.array("features") else { return nil }
        var features: MigrationFeatures = []
        for (value, pointer) in values {
            guard case .string(let name) = value, let feature = MigrationFeatures(name: name) else {
                throw .invalid(
                    at: pointer, "A feature is one of: STOP_COPY, P2P, PRE_COPY.")
            }
            features.formUnion(feature)
        }
        guard MigrationFeatures.legalSets.contains(features) else {
            throw reader.wrong("features", "does not have STOP_COPY, which every device has")
        }
        return features
    }

    private static func faults(_ reader: inout ObjectReader) throws(Problem) -> [Fault]? {
        guard let values = try reader.array("faults") else { return nil }
        guard values.count <= mostFaults else {
            throw reader.wrong("faults", "has more than \(mostFaults) entries")
        }
        var faults: [Fault] = []
        for (value, pointer) in values {
            guard case .object(let object) = value else {
                throw .invalid(at: pointer, "A fault is an object.")
            }
            var reader = ObjectReader(object, at: pointer)
            faults.append(try Fault(&reader))
        }
        return faults
    }
}

/// Why a text is no plan.
public struct PlanSyntaxError: Error, Hashable, Sendable {
    /// The reason in a sentence.
    public let reason: String
}

extension SimulationPlan.Fault {
    private enum ActionName: String, CaseIterable {
        case errno
        case errorState = "error-state"
        case emfileAfter = "emfile-after"
        case stall
    }

    private static let longestStall: UInt64 = 600_000

    fileprivate var json: JSONValue {
        let (name, errno, stall): (ActionName, Errno?, UInt64?) =
            switch action {
            case .errno(let errno): (.errno, errno, nil)
            case .errorState: (.errorState, nil, nil)
            case .emfileAfter: (.emfileAfter, nil, nil)
            case .stall(let milliseconds): (.stall, nil, milliseconds)
            }
        return [
            "on": .string(on.rawValue), "nth": .count(nth), "action": .string(name.rawValue),
            "errno": errno.map { .string($0.name) }, "stall_ms": stall.flatMap(JSONValue.count),
        ]
    }

    fileprivate init(_ reader: inout ObjectReader) throws(Problem) {
        guard let on: SimulationPlan.Event = try reader.word("on") else {
            throw reader.missing("on")
        }
        guard let nth = try reader.count("nth", in: 1...UInt64(Int64.max)) else {
            throw reader.missing("nth")
        }
        guard let name: ActionName = try reader.word("action") else {
            throw reader.missing("action")
        }
        let errnoName = try reader.string("errno") ?? "EIO"
        guard let errno = Errno(name: errnoName) else {
            throw reader.wrong("errno", "is not the name of an errno, as EIO is")
        }
        let stall = try reader.count("stall_ms", in: 0...Self.longestStall)
        try reader.finish()
        let action: SimulationPlan.Action
        switch name {
        case .errno:
            action = .errno(errno)
        case .errorState: action = .errorState
        case .emfileAfter:
            guard on == .arc else {
                throw reader.wrong("action", "is 'emfile-after', which goes with arcs alone")
            }
            action = .emfileAfter
        case .stall: action = .stall(milliseconds: stall ?? 1000)
        }
        self.init(on: on, nth: nth, action: action)
    }
}
