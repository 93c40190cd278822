internal import Devices
internal import MigrationModel
internal import SystemCalls

/// What a migration would be; nothing was claimed or changed to know it.
public struct Forecast: Sendable {
    /// What was asked, with the devices that would be taken.
    public var plan: MigrationPlan
    /// What each device would have to move, by its driver's estimate; nil where it has none.
    public var lengths: [UInt64?]
    /// How fast the way there was at the last migration, or may be at most; nil where nobody knows.
    public var bytesPerSecond: UInt64?
    /// Every device is streamed while it runs.
    var isPrecopied = false

    /// What all of them would have to move.
    public var bytes: UInt64? {
        let known = lengths.compactMap { $0 }
        guard known.count == lengths.count else { return nil }
        return known.reduce(0) { sum, length in
            let (total, isOver) = sum.addingReportingOverflow(length)
            return isOver ? .max : total
        }
    }

    /// How long the bytes take.
    public var duration: Duration? { time(for: bytes) }

    /// How long the devices would stand still, as far as that can be known beforehand: with pre-copy it
    /// depends on what they dirty meanwhile, which a driver tells only then.
    public var downtime: Duration? {
        isPrecopied ? nil : time(for: bytes)
    }

    /// The same in a sentence.
    public var verdict: String {
        guard let bytes else {
            return "cannot tell: not every driver says how much it would have to move"
        }
        guard let duration else {
            return
                "\(Quantity.bytes(bytes)) to move; how fast is not known: nothing has gone there yet, and no max_bytes_per_second is given"
        }
        let time =
            "\(Quantity.bytes(bytes)) to move, which takes about \(Quantity.time(duration))"
        if isPrecopied {
            return
                "\(time) while the devices run; the downtime is what they dirty in the end, and drivers tell that in PRE_COPY only"
        }
        return "\(time), all of it in the stop: \(comparison(of: duration))"
    }

    private func comparison(of downtime: Duration) -> String {
        let options = plan.options
        let limit = Quantity.time(options.downtimeLimit)
        if downtime <= options.downtimeLimit { return "within the limit of \(limit)" }
        guard downtime > options.longestDowntime, options.onDowntimeExceeded == .rollback else {
            return "beyond the limit of \(limit)"
        }
        return
            "it would be rolled back after \(Quantity.time(options.longestDowntime)): max_downtime_ms, or on_downtime_exceeded, has to allow more"
    }

    private func time(for bytes: UInt64?) -> Duration? {
        guard let bytes, let bytesPerSecond, bytesPerSecond > 0 else { return nil }
        return .seconds(Double(bytes) / Double(bytesPerSecond))
    }
}

extension Migrations {
    /// Looks at both sides and says what a migration would be.
    ///
    /// Blocks until the other agent answers. Refused as the migration would be.
    public func forecast(_ plan: MigrationPlan) throws(MigrationProblem) -> Forecast {
        try contents.withLock { contents throws(MigrationProblem) in
            try contents.checkRoom(for: plan, limits)
        }
        var (plan, devices) = try inspect(plan)
        let lengths = devices.map { $0.estimateStopCopyLength() }
        var forecast = Forecast(plan: plan, lengths: lengths)
        guard plan.role == .source else { return forecast }
        let peer = try Peer(plan, epoch: plan.epoch)
        switch peer.forecast(offering: offer(of: plan, registry, codec)) {
        case .answered(let record?):
            for (place, device) in zip(plan.devices.indices, record.devices) {
                plan.devices[place].destination = device
            }
        case .denied(_, let problem):
            throw .failed(.refused("plan it", problem))
        case .unanswered(let reason), .unreached(let reason): throw .unreachable(reason)
        default: throw .unreachable("The destination's answer is no plan.")
        }
        forecast.plan = plan
        forecast.bytesPerSecond = plan.options.maxBytesPerSecond ?? lastRate(to: plan.destination)
        forecast.isPrecopied =
            plan.options.mode == .preCopy
            && devices.allSatisfy { $0.snapshot.features.contains(.preCopy) }
        return forecast
    }

    private func lastRate(to destination: MigrationPlan.Destination?) -> UInt64? {
        let there = contents.withLock { Array($0.migrations.values) }
            .filter { $0.plan.destination?.url == destination?.url }
        return there.max { $0.createdAt < $1.createdAt }?.measuredRate
    }
}
