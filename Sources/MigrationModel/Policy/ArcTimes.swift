/// How long the arcs of a switchover take: what was measured, and guesses until then.
struct ArcTimes: Hashable, Sendable {
    private var longest: [Arc: Duration] = [:]

    /// What an arc is taken to last before any has run.
    static let unmeasured = Duration.milliseconds(10)

    /// An arc ran on some device. Devices run an arc side by side, so the slowest one counts.
    mutating func ran(_ arc: Arc, _ duration: Duration) {
        longest[arc] = max(duration, longest[arc] ?? .zero)
    }

    /// How long an arc will take.
    ///
    /// Those of the stop run for the first time in the stop. The way back is nearest to them, then
    /// what arcs of these devices took on the average.
    func expected(_ arc: Arc) -> Duration {
        if let known = longest[arc] ?? longest[Arc(from: arc.to, to: arc.from)] { return known }
        if longest.isEmpty { return Self.unmeasured }
        return longest.values.reduce(.zero, +) / longest.count
    }

    /// How long several arcs take, one after the other.
    func expected(_ arcs: some Sequence<Arc>) -> Duration {
        arcs.reduce(.zero) { $0 + expected($1) }
    }

    /// The arcs in which a device stands still: out of pre-copy at the source, and from the loaded
    /// image to RUNNING at the destination.
    static func ofSwitchover(_ features: MigrationFeatures) -> [Arc] {
        let start: MigrationState = features.contains(.preCopy) ? .preCopy : .running
        let out = try? StateMachine.path(from: start, to: .stopCopy, features: features)
        let into = try? StateMachine.path(from: .resuming, to: .running, features: features)
        return (out ?? []) + (into ?? [])
    }
}
