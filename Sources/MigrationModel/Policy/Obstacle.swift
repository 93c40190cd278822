/// What keeps a group from being switched over.
enum Obstacle: Hashable, Sendable {
    /// A device was not looked at yet.
    case unseen(String)
    /// A device was not looked at for too long: its driver blocks, or nobody asks.
    case silent(String, for: Duration)
    /// Initial data is on its way.
    case copying(sent: UInt64, of: UInt64, Duration?)
    /// The same, of a device that does not say how much it is.
    case copyingUnknown(String, sent: UInt64)
    /// The destination has not said that a device's initial data is there.
    case notTaken(String)
    /// More is dirtied than is moved.
    case diverging(String, dirtyRate: Double, rate: Double, most: String?)
    /// A device does not say what its stop will take.
    case unknownSize(String)
    /// Nothing has moved yet.
    case unknownRate
    /// The stop would take too long.
    case late(Stop, Outlook)
    /// A device has only just come to its end.
    case unsettled(String)

    /// What a stop would take.
    struct Stop: Hashable, Sendable {
        let downtime: Duration
        let limit: Duration
        let bytes: UInt64
        let rate: Double
        let isAssumed: Bool
        let arcs: Duration
    }

    /// Whether that passes.
    enum Outlook: Hashable, Sendable {
        case `for`(Duration?)
        case forGood
    }

    /// The obstacle in one sentence.
    var sentence: String {
        switch self {
        case .unseen(let name):
            "starting: \(name) was not looked at yet"
        case .silent(let name, let time):
            "waiting: \(name) has not answered for \(Quantity.time(time))"
        case .copying(let sent, let length, let time):
            "copying: \(Quantity.bytes(sent)) of \(Quantity.bytes(length)) initial data sent"
                + (time.map { ", about \(Self.whole($0)) left" } ?? "")
        case .copyingUnknown(let name, let sent):
            """
            copying: \(Quantity.bytes(sent)) of \(name) sent; it does not say how much is left, and \
            has not come to an end yet
            """
        case .notTaken(let name):
            "waiting: the destination has not taken the initial data of \(name) yet"
        case .diverging(let who, let dirtyRate, let rate, let most):
            """
            will not converge: \(who) dirties \(Quantity.rate(dirtyRate))\
            \(most.map { ", most of it \($0)," } ?? "") and the link moves \(Quantity.rate(rate))
            """
        case .unknownSize(let name):
            """
            not ready: \(name) does not say how much its stop will take, so whether the limit is \
            kept is unknown; it can be switched over on request
            """
        case .unknownRate:
            "not ready: nothing has moved yet, so the rate of the link is unknown"
        case .late(let stop, let outlook):
            "\(stop.sentence), the limit is \(Quantity.time(stop.limit))\(outlook.sentence)"
        case .unsettled(let name):
            "waiting: \(name) has come to its end, looking whether it stays there"
        }
    }

    /// Nobody can say by the tenth how long a copy takes.
    fileprivate static func whole(_ time: Duration) -> String {
        Quantity.time(.seconds(max(1, (time / .seconds(1)).rounded(.up))))
    }
}

extension Obstacle.Outlook {
    fileprivate var sentence: String {
        switch self {
        case .for(let time?): ": converging, about \(Obstacle.whole(time))"
        case .for(nil): ""
        case .forGood:
            """
            : will not converge, as copying for longer does not make it less; a higher limit or a \
            switchover on request would end it
            """
        }
    }
}

extension Obstacle.Stop {
    fileprivate var sentence: String {
        if arcs > limit { return "the arcs of the stop need \(Quantity.time(arcs))" }
        return """
            what is left (\(Quantity.bytes(bytes))) needs \(Quantity.time(downtime)) at \
            \(isAssumed ? "an assumed " : "")\(Quantity.rate(rate))
            """
    }
}
