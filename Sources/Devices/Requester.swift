/// Who wants to change a device, and what it demands first; checked under the same lock as the change.
public struct Requester: Hashable, Sendable {
    /// The migration that it acts for; nil for anybody.
    public var migration: MigrationIdentifier?
    /// The generations that `If-Match` names; nil where it is absent or `*`.
    public var generations: Set<UInt64>?
    /// `If-Match` is there in any form.
    public var isConditional: Bool
    /// It is the agent itself that asks, for the migration.
    public var isAgent = false

    /// Anybody, without a demand.
    public static let anybody = Requester()

    /// The agent itself, for a migration.
    public static func agent(for migration: MigrationIdentifier) -> Requester {
        var requester = Requester(migration: migration)
        requester.isAgent = true
        return requester
    }

    /// Who asks, and what `If-Match` demands.
    public init(
        migration: MigrationIdentifier? = nil, generations: Set<UInt64>? = nil,
        isConditional: Bool = false
    ) {
        self.migration = migration
        self.generations = generations
        self.isConditional = isConditional
    }
}
