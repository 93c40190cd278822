public import Devices
public import JSON
public import SystemPackage

/// Why a migration was not begun, or does not do what was asked of it.
public enum MigrationProblem: Error, Sendable {
    /// There is none with this id.
    case unknown(MigrationIdentifier)
    /// There is another one with this id, or begun with this key.
    case exists(MigrationIdentifier)
    /// This agent is its source, and cannot be its destination as well.
    case toItself(MigrationIdentifier)
    /// It has ended, or was forgotten before it came.
    case ended(Phase)
    /// It has not ended yet, or somebody still needs what it knows.
    case active(Phase, reason: String)
    /// It is beyond the point of no return.
    case committed(Phase)
    /// It is not for this role, this coordinator or this phase.
    case mismatch(Phase)
    /// It never waits there.
    case noSuchBarrier(String)
    /// It is of an earlier start of the coordinator.
    case staleEpoch(current: UInt64)
    /// There is no such device here.
    case noSuchDevice(DeviceIdentifier)
    /// No device here is free and fits.
    case noneFits(DeviceIdentifier, reason: String)
    /// The device does not fit.
    case incompatible(DeviceIdentifier, reason: String)
    /// Nobody but the agent keeps the device alive.
    case soleHolder(DeviceIdentifier)
    /// The group has devices that cannot be quiesced.
    case p2pRequired([DeviceIdentifier])
    /// A device was not to be had.
    case device(DeviceIdentifier, DeviceProblem)
    /// The other agent's address makes no sense.
    case invalidURL(String)
    /// The other agent does not answer.
    case unreachable(String)
    /// A decision could not be written down.
    case journal(Errno)
    /// The agent takes no new ones.
    case maintenance(reason: String?)
    /// The agent has as many as it takes.
    case tooMany(MigrationPlan.Role, limit: Int)
    /// What a step of the handover failed at; a problem that says it.
    case failed(JSONValue)
}
