/// One step of the state machine, as a driver implements it.
public struct Arc: Hashable, Sendable {
    /// The state the arc starts in.
    public let from: MigrationState
    /// The state it leads to.
    public let to: MigrationState

    /// The arc between two states.
    public init(from: MigrationState, to: MigrationState) {
        self.from = from
        self.to = to
    }

    /// What the arc does to the data transfer session.
    ///
    /// Source: linux/vfio.h, "PRE_COPY, PRE_COPY_P2P and STOP_COPY form the saving group".
    public var sessionEffect: SessionEffect {
        switch (from.isInSavingGroup, to.isInSavingGroup) {
        case (false, true): .opens(.saving)
        case (true, true): .keeps
        case (true, false): .ends(.saving)
        case (false, false):
            if to == .resuming {
                .opens(.resuming)
            } else if from == .resuming {
                .ends(.resuming)
            } else {
                .none
            }
        }
    }

    /// RESUMING to STOP: the arc that makes the device take the image it was given.
    public var isCommit: Bool {
        from == .resuming && to == .stop
    }

    /// Whether the arc leaves pre-copy with the device still running.
    ///
    /// An error on such an arc can leave the state unchanged and the driver's session freed (mlx5):
    /// nothing may be asked of that session afterwards.
    public var leavesPreCopyRunning: Bool {
        from.isPreCopy && (to == .running || to == .runningP2P)
    }
}

/// What an arc does to the data transfer session.
public enum SessionEffect: Hashable, Sendable {
    /// There is no session before or after it.
    case none
    /// It returns a new data fd.
    case opens(TransferDirection)
    /// It moves inside the saving group: the data fd stays the same.
    case keeps
    /// The data fd is dead afterwards.
    case ends(TransferDirection)
}

/// Which way the bytes of a data transfer session go.
public enum TransferDirection: String, Hashable, Sendable {
    /// Out of the device.
    case saving
    /// Into the device.
    case resuming
}
