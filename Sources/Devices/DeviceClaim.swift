public import MigrationModel
public import SystemCalls

/// The name of a migration.
public typealias MigrationIdentifier = Identifier<DeviceClaim>

/// A migration that has a device to itself: whoever else wants to change it, or to move its data, is
/// refused until the migration ends.
public struct DeviceClaim: Hashable, Sendable {
    /// The migration.
    public let migration: MigrationIdentifier
    /// Nobody but this agent moves the device or its data, whomever it says that it acts for: what comes
    /// late would move an image that is in place, or a copy that is another one's already.
    public internal(set) var isSealed = false
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
            try machine.checkClaim(for: migration, in: state)
            machine.claim = DeviceClaim(migration: migration)
        }
    }

    /// Refused as a claim would be; changes nothing.
    public func checkClaim(
        for migration: MigrationIdentifier, in state: MigrationState
    ) throws(DeviceProblem) {
        try machine.withLock { machine throws(DeviceProblem) in
            try machine.checkClaim(for: migration, in: state)
        }
    }

    /// Gives the device to a migration again, sealed, wherever it stands: the agent was restarted, and
    /// the migration has had it before.
    public func reclaim(for migration: MigrationIdentifier) {
        change { $0.claim = DeviceClaim(migration: migration, isSealed: true) }
    }

    /// Has the device moved by this agent alone, or by whoever acts for the migration too; a reset is
    /// everybody's who does.
    public func seal(_ isSealed: Bool, for migration: MigrationIdentifier) {
        change { machine in
            if machine.claim?.migration == migration { machine.claim?.isSealed = isSealed }
        }
    }

    /// Takes the device from a migration, if that has it.
    public func release(from migration: MigrationIdentifier) {
        change { machine in
            if machine.claim?.migration == migration { machine.claim = nil }
        }
    }

    /// Notes that the device's image is another one's from now on.
    ///
    /// A device that runs was reset: the image is not in it any more.
    public func handOver(_ handedOver: HandedOver) {
        change { machine in
            if machine.state != .running { machine.handedOver = handedOver }
        }
    }
}

extension DeviceMachine {
    fileprivate func checkClaim(
        for migration: MigrationIdentifier, in wanted: MigrationState
    ) throws(DeviceProblem) {
        if claim?.migration == migration { return }
        try Requester.anybody.check(self)
        try requireIdle()
        if let handedOver { throw .handedOver(handedOver) }
        if let session = openSession { throw .sessionActive(session) }
        guard state == wanted else { throw .stateMismatch(state, session: session) }
    }
}

extension Requester {
    /// Refuses whoever may not move the device or its data now.
    func checkMove(_ machine: DeviceMachine) throws(DeviceProblem) {
        try checkSeal(machine)
        if let handedOver = machine.handedOver { throw .handedOver(handedOver) }
    }

    /// Refuses whoever is not the one that has the device now, and everybody but the agent once it is sealed.
    func checkSeal(_ machine: DeviceMachine) throws(DeviceProblem) {
        try check(machine)
        if let claim = machine.claim, claim.isSealed, !isAgent { throw .claimed(claim.migration) }
    }

    /// Refuses whoever is not the one that has the device now.
    func check(_ machine: DeviceMachine) throws(DeviceProblem) {
        if case .detached = machine.activity { throw .detached }
        if let claim = machine.claim, claim.migration != migration {
            throw .claimed(claim.migration)
        }
        // What comes late for a migration that has ended would change a device that is free again.
        if let migration, machine.claim == nil { throw .notClaimed(migration) }
        if let generations, !generations.contains(machine.generation) {
            throw .preconditionFailed(generation: machine.generation)
        }
    }
}
