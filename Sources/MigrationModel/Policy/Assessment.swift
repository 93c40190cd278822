/// What a policy makes of a group at one moment.
public struct Assessment: Hashable, Sendable {
    /// The group may be switched over now: the initial data has arrived and the limit will be kept.
    public let isReady: Bool
    /// The numbers behind it.
    public let estimate: Estimate
    /// Why it is ready or not, in one sentence for people.
    public let verdict: String
    /// The same numbers for every device, in the group's order.
    public let devices: [DeviceEstimate]
}

/// What is expected of a group. What nobody knows is nil.
public struct Estimate: Hashable, Sendable {
    /// What would have to be moved if the devices were stopped now.
    public let remainingBytes: UInt64?
    /// How fast the link is, measured while there was enough to send.
    public let bytesPerSecond: UInt64?
    /// How fast the devices change what was copied already.
    public let dirtyBytesPerSecond: UInt64?
    /// How long until the group is ready; nil also if that will not come by itself.
    public let remaining: Duration?
    /// How long the devices would stand still if they were stopped now.
    public let downtime: Duration?
    /// Whether the group becomes ready if nothing changes.
    public let converges: Bool?
}

/// What is expected of one device of a group.
public struct DeviceEstimate: Hashable, Sendable {
    /// What would have to be moved if it were stopped now.
    public let remainingBytes: UInt64?
    /// How fast its stream was over the last two seconds.
    public let bytesPerSecond: UInt64?
    /// How fast it changes what was copied already.
    public let dirtyBytesPerSecond: UInt64?
    /// The destination has taken all of its initial data.
    public let isInitialDataTaken: Bool
}
