/// What one device's pre-copy comes to over time.
///
/// One look is never believed alone: virtio's dirty_bytes reads 0 and the full size by turns, a
/// second each, so the most that was seen over a while counts.
struct DeviceTrend: Hashable, Sendable {
    private(set) var last: PrecopyObservation?
    /// The looks since the present initial data began, as far back as ``window``.
    private var recent: [PrecopyObservation] = []
    /// Where in the stream the present initial data began, and how long it was then.
    private var initialStart: UInt64 = 0
    private(set) var initialLength: UInt64 = 0
    /// How far the device was read when its initial data first read 0.
    private(set) var initialEnd: UInt64?
    /// How often, and since when, it was looked at from then on.
    private var looks = 0
    private var initialEndedAt: Duration?
    /// Dirty bytes were there out of nothing.
    private var flaps = false
    /// When it first had nothing left.
    private var firstRest: Duration?
    /// The first data size, for as long as it has not changed.
    private var standingLength: UInt64?

    /// How far is looked back for a device's ups and downs: two of virtio's turns.
    static let window = Duration.seconds(2)
    /// How long, and how often, a device is looked at once its initial data is read.
    private static let settling = Duration.milliseconds(200)
    private static let settlingLooks = 3
    /// Over less time a dirty rate is noise.
    private static let shortestTrend = Duration.seconds(1)

    /// It was looked at once more.
    mutating func observe(_ look: PrecopyObservation) {
        if let last, look.at < last.at { return }
        // Another session.
        if let last, look.readBytes < last.readBytes { self = DeviceTrend() }
        var look = look
        // A driver may refuse newer estimates (in PRE_COPY_P2P): its last ones stand.
        look.info = look.info ?? last?.info
        if look.beginsAnew(after: last) { beginInitialData(look) }
        if last == nil { standingLength = look.length }
        if look.length != standingLength { standingLength = nil }
        follow(look)
        last = look
        recent.append(look)
        while recent.count > Self.settlingLooks, recent[0].at < look.at - Self.window {
            recent.removeFirst()
        }
    }

    private mutating func beginInitialData(_ look: PrecopyObservation) {
        initialStart = last == nil ? 0 : look.sentBytes
        initialLength = look.bufferedBytes.adding(look.info?.initialBytes ?? 0)
        if last == nil { initialLength = initialLength.adding(look.sentBytes) }
        initialEnd = nil
        initialEndedAt = nil
        firstRest = nil
        looks = 0
        recent = []
    }

    private mutating func follow(_ look: PrecopyObservation) {
        // Without PRECOPY_INFO, the first end that is seen says that what there was has come.
        let isDone = look.info.map { $0.initialBytes == 0 } ?? look.isDrained
        if initialEnd == nil && isDone {
            initialEnd = look.readBytes
            initialEndedAt = look.at
        }
        guard initialEnd != nil else { return }
        looks += 1
        if look.isAtEnd { firstRest = firstRest ?? look.at }
        if let before = last?.info, let now = look.info, before.dirtyBytes == 0 {
            flaps = flaps || now.dirtyBytes > 0
        }
    }

    // MARK: The initial data

    /// How much of the present initial data is sent.
    var initialSent: UInt64 {
        min(initialLength, (last?.sentBytes ?? 0).subtracting(initialStart))
    }

    /// How much of it is left, the buffered part included.
    var initialLeft: UInt64 {
        guard initialEnd == nil, let last else { return 0 }
        return last.bufferedBytes.adding(last.info?.initialBytes ?? 0)
    }

    /// The destination's device has taken all of it.
    var isInitialDataTaken: Bool {
        guard let initialEnd, let taken = last?.acknowledgedBytes else { return false }
        return taken >= initialEnd
    }

    /// It was looked at often enough since.
    var isSettled: Bool {
        guard let last, let initialEndedAt else { return false }
        return looks >= Self.settlingLooks && last.at - initialEndedAt >= Self.settling
    }

    /// It had nothing left for now, once in a while at least.
    var comesToEnds: Bool {
        recent.contains(where: \.isAtEnd)
    }

    /// It has had its ends for so long that more copying changes nothing about what is left.
    var isSteady: Bool {
        guard let last, let firstRest, comesToEnds else { return false }
        return last.at - firstRest >= Self.window
    }

    // MARK: What is left

    /// What is left before the stop: of what the driver says the most that it said lately, once the
    /// initial data is read.
    var pendingBytes: UInt64? {
        guard let last, let left = last.info?.bytesLeft else { return nil }
        guard let initialEndedAt else { return last.bufferedBytes.adding(left) }
        let reach = flaps || isSteady ? Self.window : Self.settling
        let start = max(initialEndedAt, last.at - reach)
        let seen = recent.filter { $0.at >= start }.compactMap(\.info?.bytesLeft)
        return last.bufferedBytes.adding(seen.reduce(left, max))
    }

    /// What would have to be moved if the device were stopped now; nil if nobody knows.
    ///
    /// PRECOPY_INFO need not have any bearing on what STOP_COPY delivers, so without a data size
    /// nothing is known, whatever it says; and what it says is not to be undercut either.
    ///
    /// By the uAPI the data size is what completing STOP_COPY would take from here. Some drivers
    /// (mtty, hisi_acc) always give the size of the whole image instead, of which the bytes read so
    /// far are a part; others (virtio) give it because the stop delivers everything once more. A
    /// size that has never changed although bytes were read is one of these. It counts in full
    /// until the device has had its ends for so long that virtio's dirty bytes, which then are as
    /// many, would have been seen. Then what was read is taken off. Without PRECOPY_INFO nothing
    /// guards that, and it is not done. A size that has always been 0 is no size.
    var remainingBytes: UInt64? {
        guard let last, let length = last.length, length > 0 || standingLength == nil else {
            return nil
        }
        let countsWhole = standingLength != nil && last.readBytes > 0 && last.info != nil
        let left = countsWhole && isSteady ? length.subtracting(last.readBytes) : length
        return max(last.bufferedBytes.adding(left), pendingBytes ?? 0).adding(last.inFlight)
    }

    // MARK: Rates

    /// How fast the device changes what was copied; nil before it was looked at for long enough.
    var dirtyRate: Double? {
        rate { $0.producedBytes }
    }

    /// How fast its stream was lately, pauses included.
    var streamRate: Double? {
        rate { $0.sentBytes }
    }

    private func rate(of counter: (PrecopyObservation) -> UInt64?) -> Double? {
        guard let first = recent.first, let last, last.at - first.at >= Self.shortestTrend,
            let start = counter(first), let end = counter(last)
        else { return nil }
        return Double(end.subtracting(start)) / ((last.at - first.at) / .seconds(1))
    }
}

extension PrecopyObservation {
    /// The data size where it can be one: some drivers give an errno as a number.
    fileprivate var length: UInt64? {
        stopCopyLength.flatMap { $0 <= UInt64(Int64.max) ? $0 : nil }
    }

    /// The device has begun its initial data, for the first time or once more.
    fileprivate func beginsAnew(after last: PrecopyObservation?) -> Bool {
        guard let last else { return true }
        guard let info, let before = last.info else { return false }
        return info.reinit == true && before.reinit != true
            || info.initialBytes > before.initialBytes
    }
}
