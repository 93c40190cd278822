public import Devices
public import Digests

/// What a client, or the other agent, wants of a migration.
public enum MigrationRequest: Hashable, Sendable {
    /// Give it up, before it is committed.
    case cancel
    /// Stop the devices now, converged or not.
    case switchover
    /// Go on behind a barrier, by its name.
    case pass(String)
    /// A client that coordinates: decide.
    case commit
    /// A client that coordinates: the destination runs.
    case finish
    /// A client that coordinates: the destination has answered void.
    case void
    /// An operator decides; the other side is fenced.
    case resolve(Resolution, reason: String)
    /// Destination: take the images in.
    case prepare(epoch: UInt64, [ImageDescription])
    /// Destination: run them.
    case run(epoch: UInt64, MigrationPlan.FinalState)
    /// Destination: forget them.
    case discard(epoch: UInt64)

    /// What an operator decides.
    public enum Resolution: String, Hashable, Sendable, CaseIterable {
        /// This side runs the images.
        case takeOver = "take_over"
        /// This side gives its copies up.
        case giveUp = "give_up"
    }
}

/// An image, as the source describes it to the destination.
public struct ImageDescription: Hashable, Sendable {
    /// The destination's device.
    public let device: DeviceIdentifier
    /// The image's length.
    public let bytes: UInt64
    /// Its SHA-256.
    public let sha256: SHA256Digest

    /// An image for a device.
    public init(device: DeviceIdentifier, bytes: UInt64, sha256: SHA256Digest) {
        self.device = device
        self.bytes = bytes
        self.sha256 = sha256
    }
}
