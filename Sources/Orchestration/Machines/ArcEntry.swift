public import Devices
public import MigrationModel
public import SystemCalls

/// An arc that a device of a migration has run.
public struct ArcEntry: Hashable, Sendable {
    /// The side it ran on.
    public var side: MigrationPlan.Role
    /// The device, by its id there.
    public var device: DeviceIdentifier
    /// Where it began and ended; a reset is none.
    public var arc: Arc
    /// From the request to the driver's answer.
    public var duration: Duration
    /// When it was done.
    public var at: Timestamp
}
