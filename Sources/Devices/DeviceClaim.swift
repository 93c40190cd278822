public import MigrationModel
public import SystemCalls

/// The name of a migration.
public typealias MigrationIdentifier = Identifier<DeviceClaim>

/// A migration that has a device to itself: whoever else wants to change it, or to move its data, is
/// refused until the migration ends.
public struct DeviceClaim: Hashable, Sendable {
    /// The migration.
    public let migration: MigrationIdentifier
}

/// What is known of a device whose image is another one's now.
///
/// Running it again would run the image twice: it stays in STOP until a reset has wiped it.
public struct HandedOver: Hashable, Sendable {
    /// The migration that did it.
    public let migration: MigrationIdentifier
    /// The agent that has the image, by its URL.
    public let destination: String
    /// When the source let go of it.
    public let at: Timestamp

    /// Where an image went, and when.
    public init(migration: MigrationIdentifier, destination: String, at: Timestamp) {
        self.migration = migration
        self.destination = destination
        self.at = at
    }
}

extension DeviceController {
    /// Gives the device to a migration, which must be in a state; a claim of its own is kept.
    ///
    /// Refused while another migration has it, while somebody changes it, with an open session and in
    /// any other state.
    public func claim(
        for migration: MigrationIdentifier, in state: MigrationState
    ) throws(DeviceProblem) {
        try change { machine throws(DeviceProblem) in
            try Requester(migration: migration).check(machine)
            if machine.claim != nil { return }
            try machine.requireIdle()
            if let session = machine.openSession { throw .sessionActive(session) }
            guard machine.state == state else {
                throw .stateMismatch(machine.state, session: machine.session)
            }
            machine.claim = DeviceClaim(migration: migration)
        }
    }

    /// Gives the device to a migration again, wherever it stands: the agent was restarted, and the
    /// migration has had it before.
    public func reclaim(for migration: MigrationIdentifier) {
        change { $0.claim = DeviceClaim(migration: migration) }
    }

    /// Takes the device from a migration, if that has it.
    public func release(from migration: MigrationIdentifier) {
        change { machine in
            if machine.claim?.migration == migration { machine.claim = nil }
        }
    }

    /// Notes that the device's image is another one's from now on.
    public func handOver(_ handedOver: HandedOver) {
        change { $0.handedOver = handedOver }
    }
}

extension Requester {
    /// Refuses whoever is not the one that has the device now.
    func check(_ machine: DeviceMachine) throws(DeviceProblem) {
        if case .detached = machine.activity { throw .detached }
        if let claim = machine.claim, claim.migration != migration {
            throw .claimed(claim.migration)
        }
        if let generations, !generations.contains(machine.generation) {
            throw .preconditionFailed(generation: machine.generation)
        }
    }
}
