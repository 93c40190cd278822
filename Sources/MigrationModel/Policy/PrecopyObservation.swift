/// One look at one device of a group, and at its stream: everything a policy is told.
public struct PrecopyObservation: Hashable, Sendable {
    /// When it was looked at, since any moment that is the same for the whole group.
    public var at: Duration
    /// How much of the session was read from the device: its offset, in bytes.
    public var readBytes: UInt64
    /// How much of that was sent; the rest is buffered on this host.
    public var sentBytes: UInt64
    /// How much of that the destination's device has taken, by its upload's offset, asked at the
    /// same time; nil if unknown.
    public var acknowledgedBytes: UInt64?
    /// What the driver says is left; nil where it has no `VFIO_MIG_GET_PRECOPY_INFO`.
    public var info: PrecopyInfo?
    /// What STOP_COPY would take, by `VFIO_DEVICE_FEATURE_MIG_DATA_SIZE`; nil if unknown.
    public var stopCopyLength: UInt64?
    /// The last read found nothing, and all that was read before is sent.
    public var isDrained: Bool

    /// One look at a device.
    ///
    /// - Parameter readBytes: nil where nothing is read ahead of the stream.
    public init(
        at: Duration, readBytes: UInt64? = nil, sentBytes: UInt64, acknowledgedBytes: UInt64? = nil,
        info: PrecopyInfo? = nil, stopCopyLength: UInt64? = nil, isDrained: Bool = false
    ) {
        self.at = at
        self.readBytes = max(readBytes ?? sentBytes, sentBytes)
        self.sentBytes = sentBytes
        self.acknowledgedBytes = acknowledgedBytes
        self.info = info
        self.stopCopyLength = stopCopyLength
        self.isDrained = isDrained
    }

    /// What was read from the device and is not sent.
    var bufferedBytes: UInt64 {
        readBytes - sentBytes
    }

    /// What was sent and is not known to be there.
    var inFlight: UInt64 {
        sentBytes.subtracting(acknowledgedBytes ?? sentBytes)
    }

    /// Everything that the device ever had to give in this session.
    var producedBytes: UInt64? {
        info.map { readBytes.adding($0.bytesLeft) }
    }

    /// Nothing was left for now, as far as one look can tell.
    var isAtEnd: Bool {
        isDrained || bufferedBytes == 0 && info?.bytesLeft == 0
    }
}

extension PrecopyInfo {
    /// What is left before the stop, by the driver's word.
    var bytesLeft: UInt64 {
        initialBytes.adding(dirtyBytes)
    }
}

extension UInt64 {
    /// The sum, or the largest number: what a driver says may be any number.
    func adding(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// The difference, or 0.
    func subtracting(_ other: UInt64) -> UInt64 {
        self > other ? self - other : 0
    }

    /// A number of bytes that was estimated.
    init(estimate: Double) {
        self = UInt64(Swift.max(0, Swift.min(estimate, 0x1p62)))
    }
}
