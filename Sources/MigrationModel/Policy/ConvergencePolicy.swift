/// Decides when the devices of a group, which are copied while they run, may be stopped.
///
/// The group may be switched over when every device's initial data has arrived at the destination
/// and what is left then is moved within the downtime limit. How long that takes is estimated from
/// MIG_DATA_SIZE, PRECOPY_INFO, the measured rate of the link and the arcs' own times; what is
/// unknown never keeps a limit. A group in which no device has PRE_COPY has nothing to wait for.
///
/// A value that is told what was seen, with the time at which it was. It estimates: what it says
/// may be wrong, and nothing but the length of a downtime may depend on it.
public struct ConvergencePolicy: Hashable, Sendable {
    let downtimeLimit: Duration
    let devices: [Device]
    var trends: [DeviceTrend]
    var link: LinkMeter
    private var arcTimes = ArcTimes()
    private let arcs: Set<Arc>
    /// What is dirtied is more than what the link moves.
    private(set) var isDiverging = false

    /// A device of the group.
    public struct Device: Hashable, Sendable {
        /// What it is called in verdicts.
        public var name: String
        /// What it may use: without ``MigrationFeatures/preCopy`` it is copied in the stop alone.
        public var features: MigrationFeatures

        /// A device by its name.
        public init(name: String, features: MigrationFeatures) {
            self.name = name
            self.features = features
        }

        var precopies: Bool { features.contains(.preCopy) }
    }

    /// A policy for a group that nobody has looked at yet.
    public init(downtimeLimit: Duration, devices: [Device]) {
        self.downtimeLimit = downtimeLimit
        self.devices = devices
        trends = devices.map { _ in DeviceTrend() }
        link = LinkMeter(streams: devices.count(where: \.precopies))
        arcs = Set(devices.flatMap { ArcTimes.ofSwitchover($0.features) })
    }

    /// A device was looked at, by its place in the group.
    ///
    /// One without PRE_COPY needs one look, for its data size; the others need several a second.
    public mutating func observe(device: Int, _ look: PrecopyObservation) {
        trends[device].observe(look)
        guard devices[device].precopies else { return }
        let stream = devices[..<device].count(where: \.precopies)
        link.observe(stream, at: look.at, sent: look.sentBytes, hasMore: !look.isDrained)
        guard let rate = link.measuredRate, let dirtyRate else { return }
        // Where everything is dirty already, no more is dirtied than is sent: the two are equal.
        // A group that comes to its ends converges, whatever the numbers say.
        isDiverging =
            dirtyRate >= rate * (isDiverging ? 0.85 : 0.98)
            && !places.allSatisfy { trends[$0].comesToEnds }
    }

    /// An arc ran on a device of the group, at the source or the destination, and took so long.
    public mutating func ranArc(_ arc: Arc, _ duration: Duration) {
        arcTimes.ran(arc, duration)
    }

    // MARK: The group's numbers

    /// What has to be moved in the stop; nil if one device's part is unknown.
    var remainingBytes: UInt64? {
        sum(trends.map(\.remainingBytes))
    }

    /// What of it is left before the stop, by the drivers' word; nil if one gives none.
    var pendingBytes: UInt64? {
        sum(places.map { trends[$0].pendingBytes })
    }

    /// What is dirtied, as far as it is known.
    var dirtyRate: Double? {
        let known = places.compactMap { trends[$0].dirtyRate }
        return known.isEmpty ? nil : known.reduce(0, +)
    }

    /// The devices with PRE_COPY.
    var places: [Int] {
        devices.indices.filter { devices[$0].precopies }
    }

    /// How long the arcs of the stop take: all devices run each one side by side.
    var arcTime: Duration {
        arcTimes.expected(arcs)
    }

    /// How long the devices would stand still if they were stopped now.
    var downtime: Duration? {
        guard let remainingBytes else { return nil }
        if remainingBytes == 0 { return arcTime }
        return link.rate.map { arcTime + Self.time(Double(remainingBytes), at: $0) }
    }

    /// How long bytes take at a rate; a lifetime at most.
    static func time(_ bytes: Double, at bytesPerSecond: Double) -> Duration {
        .seconds(min(bytes / max(bytesPerSecond, 1), 1e9))
    }

    private func sum(_ numbers: [UInt64?]) -> UInt64? {
        numbers.reduce(0) { sum, number in
            guard let sum, let number else { return nil }
            return sum.adding(number)
        }
    }
}
