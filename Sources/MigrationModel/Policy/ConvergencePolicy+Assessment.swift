extension ConvergencePolicy {
    /// Older looks say nothing about a device.
    private static let longestSilence = Duration.seconds(3)

    /// What the looks so far come to, at a moment not before the last of them.
    public func assess(at now: Duration) -> Assessment {
        let obstacle = obstacle(at: now)
        let downtime = downtime
        return Assessment(
            isReady: obstacle == nil,
            estimate: Estimate(
                remainingBytes: remainingBytes,
                bytesPerSecond: link.seenRate.map(UInt64.init(estimate:)),
                dirtyBytesPerSecond: dirtyRate.map(UInt64.init(estimate:)),
                remaining: obstacle == nil ? .zero : remaining, downtime: downtime,
                converges: obstacle == nil ? true : converges),
            verdict: obstacle?.sentence ?? readySentence(downtime),
            devices: trends.map { trend in
                DeviceEstimate(
                    remainingBytes: trend.remainingBytes,
                    bytesPerSecond: trend.streamRate.map(UInt64.init(estimate:)),
                    dirtyBytesPerSecond: trend.dirtyRate.map(UInt64.init(estimate:)),
                    isInitialDataTaken: trend.isInitialDataTaken)
            })
    }

    private func readySentence(_ downtime: Duration?) -> String {
        let limit = Quantity.time(downtimeLimit)
        guard let downtime else {
            return "ready: nothing is copied before the stop, so how long that takes is unknown"
        }
        return "ready: expected downtime \(Quantity.time(downtime)), limit \(limit)"
    }

    /// What keeps the group from being switched over, the first thing in the order of time.
    private func obstacle(at now: Duration) -> Obstacle? {
        if places.isEmpty { return nil }
        for place in places {
            guard let last = trends[place].last else { return .unseen(name(place)) }
            if now - last.at > Self.longestSilence {
                return .silent(name(place), for: now - last.at)
            }
        }
        if isDiverging, isLate, let rate = link.rate { return divergence(rate) }
        if places.contains(where: { trends[$0].initialEnd == nil }) { return copying }
        if let place = places.first(where: { !trends[$0].isInitialDataTaken }) {
            return .notTaken(name(place))
        }
        if let place = trends.firstIndex(where: { $0.remainingBytes == nil }) {
            return .unknownSize(name(place))
        }
        guard let downtime, let remainingBytes, let rate = link.rate else { return .unknownRate }
        if isLate {
            let stop = Obstacle.Stop(
                downtime: downtime, limit: downtimeLimit, bytes: remainingBytes, rate: rate,
                isAssumed: link.seenRate == nil, arcs: arcTime)
            return .late(stop, isForGood ? .forGood : .for(remaining))
        }
        return places.first { !trends[$0].isSettled }.map { .unsettled(name($0)) }
    }

    private var copying: Obstacle {
        let silent = places.first { trends[$0].last?.info == nil && trends[$0].initialEnd == nil }
        if let silent {
            return .copyingUnknown(name(silent), sent: trends[silent].last?.sentBytes ?? 0)
        }
        let parts = places.map { trends[$0] }
        return .copying(
            sent: parts.reduce(0) { $0.adding($1.initialSent) },
            of: parts.reduce(0) { $0.adding($1.initialLength) }, remaining)
    }

    private func divergence(_ rate: Double) -> Obstacle {
        let worst = places.max { (trends[$0].dirtyRate ?? 0) < (trends[$1].dirtyRate ?? 0) }
        let who = places.count == 1 ? worst.map(name) ?? "" : "the group"
        let most = places.count == 1 ? nil : worst.map(name)
        return .diverging(who, dirtyRate: dirtyRate ?? 0, rate: rate, most: most)
    }

    private func name(_ place: Int) -> String {
        devices[place].name
    }

    /// Copying on makes the stop no shorter: the arcs alone are too long, or every device has had its
    /// ends for a while.
    private var isForGood: Bool {
        arcTime > downtimeLimit || places.allSatisfy { trends[$0].isSteady }
    }

    /// What is left takes longer than the limit, or nobody knows.
    private var isLate: Bool {
        downtime.map { $0 > downtimeLimit } ?? true
    }

    private var converges: Bool? {
        if isDiverging && isLate { return false }
        if downtime == nil { return nil }
        if isForGood && isLate { return false }
        return dirtyRate == nil ? nil : true
    }

    /// How long it takes to copy down to what the limit allows, or to the end of the initial data.
    private var remaining: Duration? {
        guard converges != false, let rate = link.rate, let pendingBytes, let remainingBytes,
            rate > dirtyRate ?? 0
        else { return nil }
        let inStopOnly = Double(remainingBytes.subtracting(pendingBytes))
        let allowed = (downtimeLimit - arcTime) / .seconds(1) * rate - inStopOnly
        let initial = places.reduce(UInt64(0)) { $0.adding(trends[$1].initialLeft) }
        let toMove = max(Double(pendingBytes) - max(allowed, 0), Double(initial))
        return Self.time(toMove, at: rate - (dirtyRate ?? 0))
    }
}
