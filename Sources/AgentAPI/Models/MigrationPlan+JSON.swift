internal import Devices
internal import JSON
internal import MigrationModel
internal import Orchestration

extension MigrationPlan {
    /// Reads what a client asks for; an id is made up where there is none.
    init(_ request: JSONObject) throws(Problem) {
        var reader = ObjectReader(request)
        let role: Role = try reader.word("role") ?? .source
        let coordinator: Coordinator = try reader.word("coordinator") ?? .agent
        let id: MigrationIdentifier? = try reader.identifier("id")
        switch (role, coordinator) {
        case (.destination, .client):
            throw reader.wrong("coordinator", "is one of a source")
        case (.destination, .agent):
            guard let id else { throw reader.missing("id") }
            self.init(
                id: id, role: role, devices: try Self.offered(&reader), request: .object(request))
            epoch = try reader.count("epoch", in: 1...UInt64(UInt32.max)) ?? 1
        case (.source, _):
            self.init(
                id: id ?? .random, role: role, coordinator: coordinator,
                devices: try Self.pairs(&reader), request: .object(request))
            destination = try Self.destination(&reader)
            if destination == nil && coordinator == .agent { throw reader.missing("destination") }
            options.sourceAfter = try reader.word("source_after") ?? .reset
            if coordinator == .agent { try readOptions(&reader) }
        }
        options.allowSoleHolder = try reader.bool("allow_sole_holder") ?? false
        try reader.finish()
    }

    private mutating func readOptions(_ reader: inout ObjectReader) throws(Problem) {
        options.mode = try reader.word("mode") ?? .preCopy
        options.switchover = try reader.word("switchover") ?? .automatic
        options.downtimeLimit = try reader.milliseconds("downtime_limit_ms") ?? .milliseconds(300)
        options.maxDowntime = try reader.milliseconds("max_downtime_ms")
        options.onDowntimeExceeded = try reader.word("on_downtime_exceeded") ?? .rollback
        options.maxDuration = try reader.milliseconds("max_duration_ms")
        options.onTimeout = try reader.word("on_timeout") ?? .cancel
        let anything = 1...UInt64(Int64.max)
        options.maxBytesPerSecond = try reader.count("max_bytes_per_second", in: anything)
        options.finalState = try reader.word("final_state") ?? .running
        options.barrierTimeout = try reader.milliseconds("barrier_timeout_ms") ?? .seconds(30)
        options.allowMissingP2P = try reader.bool("allow_missing_p2p") ?? false
        options.barriers = try Self.barriers(&reader)
    }

    private static func barriers(_ reader: inout ObjectReader) throws(Problem) -> [Barrier] {
        var barriers: [Barrier] = []
        for (value, pointer) in try reader.array("barriers") ?? [] {
            guard let barrier = value.text.flatMap({ Barrier(rawValue: $0) }),
                !barriers.contains(barrier)
            else {
                let names = Barrier.allCases.map(\.rawValue).joined(separator: ", ")
                throw .invalid(at: pointer, "A barrier is one of: \(names); each at most once.")
            }
            barriers.append(barrier)
        }
        return barriers
    }

    private static func destination(
        _ reader: inout ObjectReader
    ) throws(Problem) -> Destination? {
        guard var reader = try reader.object("destination") else { return nil }
        guard let url = try reader.string("url") else { throw reader.missing("url") }
        var destination = Destination(url: url, dataURL: try reader.string("data_url"))
        if var credentials = try reader.object("credentials") {
            guard let token = try credentials.string("bearer_token") else {
                throw credentials.missing("bearer_token")
            }
            destination.bearerToken = token
            try credentials.finish()
        }
        try reader.finish()
        return destination
    }

    private static func pairs(_ reader: inout ObjectReader) throws(Problem) -> [Pair] {
        try devices(&reader) { device throws(Problem) in
            guard let source: DeviceIdentifier = try device.identifier("source") else {
                throw device.missing("source")
            }
            return Pair(source: source, destination: try device.destination())
        }
    }

    private static func offered(_ reader: inout ObjectReader) throws(Problem) -> [Pair] {
        try devices(&reader) { device throws(Problem) in
            guard let source: DeviceIdentifier = try device.identifier("source") else {
                throw device.missing("source")
            }
            guard var identity = try device.object("identity") else {
                throw device.missing("identity")
            }
            return Pair(
                source: source, destination: try device.destination(),
                identity: try DeviceIdentity(&identity), features: try device.features("features"))
        }
    }

    private static func devices(
        _ reader: inout ObjectReader, _ read: (inout ObjectReader) throws(Problem) -> Pair
    ) throws(Problem) -> [Pair] {
        guard let values = try reader.array("devices") else { throw reader.missing("devices") }
        guard (1...mostDevices).contains(values.count) else {
            throw reader.wrong("devices", "does not have 1 to \(mostDevices) entries")
        }
        var pairs: [Pair] = []
        for (value, pointer) in values {
            guard case .object(let object) = value else {
                throw .invalid(at: pointer, "A device is an object.")
            }
            var device = ObjectReader(object, at: pointer)
            let pair = try read(&device)
            try device.finish()
            let isNamed = pairs.contains {
                $0.source == pair.source
                    || pair.destination != nil && $0.destination == pair.destination
            }
            if isNamed { throw .invalid(at: pointer, "The device is named twice.") }
            pairs.append(pair)
        }
        return pairs
    }
}

extension Identifier {
    /// A name that no other thing has.
    fileprivate static var random: Self {
        let text = "m-" + String(UInt64.random(in: .min ... .max), radix: 16)
        guard let id = Identifier(text) else { preconditionFailure("'\(text)' is no id") }
        return id
    }
}

extension ObjectReader {
    /// A name of the alphabet that all names have.
    mutating func identifier<Thing>(_ name: String) throws(Problem) -> Identifier<Thing>? {
        guard let text = try string(name) else { return nil }
        guard let id = Identifier<Thing>(text) else {
            throw wrong(name, "is not 1 to 64 of A-Z a-z 0-9 . _ : -")
        }
        return id
    }

    /// A device's name, or nil for `auto`.
    fileprivate mutating func destination() throws(Problem) -> DeviceIdentifier? {
        let text = try string("destination") ?? "auto"
        if text == "auto" { return nil }
        guard let id = DeviceIdentifier(text) else {
            throw wrong("destination", "is neither 'auto' nor a device's id")
        }
        return id
    }

    fileprivate mutating func milliseconds(_ name: String) throws(Problem) -> Duration? {
        try count(name, in: 0...86_400_000).map { .milliseconds(Int64($0)) }
    }

    /// Features by their names; those of a newer kernel are passed over.
    fileprivate mutating func features(_ name: String) throws(Problem) -> MigrationFeatures {
        guard let values = try array(name) else { throw missing(name) }
        return values.compactMap { $0.value.text.flatMap { MigrationFeatures(name: $0) } }
            .reduce([]) { $0.union($1) }
    }
}

extension DeviceIdentity {
    /// Reads what another agent says of its device; what it says besides is passed over.
    fileprivate init(_ reader: inout ObjectReader) throws(Problem) {
        guard let driver = try reader.string("driver") else { throw reader.missing("driver") }
        self.init(driver: driver)
        bus = try reader.string("bus")
        name = try reader.string("name")
        vendorID = try reader.string("vendor_id")
        deviceID = try reader.string("device_id")
        mdevType = try reader.string("mdev_type")
        mdevParent = try reader.string("mdev_parent")
    }
}
