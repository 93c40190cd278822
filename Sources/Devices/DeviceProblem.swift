public import Digests
public import MigrationModel
public import SystemPackage

/// Why a device did not do what was asked of it.
public enum DeviceProblem: Error, Hashable, Sendable {
    /// There is no way to that state; nothing was asked of the driver.
    case invalidTransition(
        from: MigrationState, to: MigrationState, reachable: [MigrationState])
    /// The device lacks features that the state needs.
    case unsupportedState(MigrationState, missing: MigrationFeatures)
    /// A migration has the device to itself.
    case claimed(MigrationIdentifier)
    /// The migration that this is asked for does not have the device.
    case notClaimed(MigrationIdentifier)
    /// The device's image runs elsewhere: it is not run again.
    case handedOver(HandedOver)
    /// Somebody else is changing the device.
    case transitionInProgress(Transition?)
    /// The device is not of the generation that the caller knows.
    case preconditionFailed(generation: UInt64)
    /// In this state a reset loses data: it wants `If-Match` or `Idempotency-Key`.
    case preconditionRequired(MigrationState)
    /// This is not possible in the state or the session that the device is in.
    case stateMismatch(MigrationState, session: TransferSession?)
    /// The device has an open session.
    case sessionActive(TransferSession)
    /// The session's data is lost, or its data fd is.
    case sessionLost(MigrationState, session: TransferSession?, recovery: [Recovery])
    /// The device never had a session.
    case noSession
    /// Another connection reads or writes the data.
    case streamBusy(offset: UInt64)
    /// The last stream was cut: only the client knows where to go on.
    case offsetRequired(offset: UInt64, earliest: UInt64)
    /// A stream cannot start there: it is not kept any more, or was never sent.
    case offsetUnavailable(UInt64, offset: UInt64, earliest: UInt64)
    /// An upload must begin where the session stands.
    case offsetMismatch(expected: UInt64)
    /// An upload says something else of the image than one before did.
    case declarationMismatch(TransferSession)
    /// The bytes are not those that the sender speaks of.
    case digestMismatch(TransferSession, expected: SHA256Digest, actual: SHA256Digest?)
    /// Nobody vouches for the image.
    case imageUnverified(TransferSession)
    /// The image is not the one that the source speaks of.
    case imageIncomplete(TransferSession, reason: String, declared: UInt64?)
    /// The driver refused bytes of the image.
    case writeRejected(TransferSession, DeviceError)
    /// A driver refused an arc.
    case arcFailed(ArcFailure)
    /// The driver refused a reset.
    case resetFailed(DeviceError, state: MigrationState)
    /// The kernel or the driver lacks this call.
    case notSupported(String)
    /// The driver failed at another call.
    case deviceFailed(DeviceError, state: MigrationState)
    /// The agent itself has run out of something.
    case outOfResources(Errno)
    /// The device is not attached any more.
    case detached
}

/// Why a device could not be attached.
public enum AttachProblem: Error, Hashable, Sendable {
    /// The id is taken.
    case idTaken(DeviceIdentifier)
    /// This agent or another process has the device.
    case inUse(String, DeviceError?)
    /// It could not be opened.
    case failed(String, DeviceError)
    /// It was opened, and cannot migrate.
    case noMigrationSupport(String)
    /// The agent runs without simulated devices.
    case simulationDisabled
    /// The agent has as many devices as it takes.
    case tooMany(limit: Int)
}
