public import MigrationModel
public import SystemCalls

/// A combination transition on its way.
public struct Transition: Hashable, Sendable {
    /// Counts the transitions of a device.
    public let id: UInt64
    /// Where it began.
    public let from: MigrationState
    /// Where it is to end.
    public let to: MigrationState
    /// The arc that the driver is running now; nil while the device is only looked at.
    public internal(set) var arc: Arc?
    /// When it began.
    public let startedAt: Timestamp
}

/// An arc that was run, and how long it took.
public struct TimedArc: Hashable, Sendable {
    /// The arc.
    public let arc: Arc
    /// From the request to the driver's answer.
    public let duration: Duration
    /// When the driver answered.
    public let endedAt: Timestamp
}

/// What a combination transition or a reset did.
public struct TransitionReport: Hashable, Sendable {
    /// The state that the device is in.
    public let state: MigrationState
    /// The device's generation.
    public let generation: UInt64
    /// The arcs that were run, in their order; none if the device was there already.
    public let arcs: [TimedArc]
    /// The session, if one is open.
    public let session: TransferSession?
    /// The session that it ended.
    public let sessionEnded: TransferSession?
}

/// What a client may do after a failure.
public enum Recovery: Hashable, Sendable {
    /// Ask for this state.
    case state(MigrationState)
    /// Send what is missing of the image.
    case append
    /// Reset the device.
    case reset
    /// Reset the device once its guest does not run.
    case resetWhenIdle
}

/// An arc that failed in the middle of a combination transition, or on its own.
public struct ArcFailure: Hashable, Sendable {
    /// The state before the first arc.
    public let stateBefore: MigrationState
    /// The arcs that were run.
    public let completedArcs: [TimedArc]
    /// The arc that failed.
    public let failedArc: Arc
    /// The state that the device says it is in.
    public let stateAfter: MigrationState
    /// What the driver answered.
    public let error: DeviceError
    /// What can be done now.
    public let recovery: [Recovery]
}
