/// What a client, or the other agent, wants of a migration.
public enum MigrationRequest: Hashable, Sendable {
    /// Give it up, before it is committed.
    case cancel
    /// Stop the devices now, converged or not.
    case switchover
    /// Go on behind a barrier, by its name.
    case releaseBarrier(String)
    /// A client that coordinates: decide.
    case commit
    /// A client that coordinates: the destination runs.
    case finish
    /// A client that coordinates: the destination has answered void.
    case void
    /// An operator decides; the other side is fenced.
    case resolve(Resolution, reason: String)
    /// Destination: take the images in.
    case prepare(epoch: UInt64, Images)
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
