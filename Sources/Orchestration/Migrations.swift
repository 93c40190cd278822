public import Devices
public import Logging
internal import SystemCalls
internal import SystemPackage

/// The migrations of an agent, by their ids.
public final class Migrations: Sendable {
    let registry: DeviceRegistry
    let directory: StateDirectory
    let codec: any MigrationCodec
    /// How much the agent takes on.
    public let limits: MigrationLimits
    let log: Logger
    let bandwidth: SharedPace?
    let contents = Locked(Contents())

    struct Contents: Sendable {
        var migrations: [MigrationIdentifier: Migration] = [:]
        /// What is being begun now.
        var beginning: [MigrationIdentifier: MigrationPlan.Role] = [:]
        var maintenance = Maintenance(isOn: false, reason: nil)
    }

    /// The migrations that a directory has the journals of.
    public init(
        _ registry: DeviceRegistry, _ directory: StateDirectory, _ codec: any MigrationCodec,
        limits: MigrationLimits, log: Logger
    ) {
        self.registry = registry
        self.directory = directory
        self.codec = codec
        self.limits = limits
        self.log = log
        bandwidth = limits.bytesPerSecond.map { SharedPace(bytesPerSecond: $0) }
    }

    /// A migration by its id.
    public subscript(id: MigrationIdentifier) -> Migration? {
        contents.withLock { $0.migrations[id] }
    }

    /// All of them after an id, in the order of their ids, as many as asked; and the last id of the page
    /// if there are more.
    public func page(
        after last: MigrationIdentifier?, limit: Int, where isWanted: (MigrationView) -> Bool
    ) -> (views: [MigrationView], next: MigrationIdentifier?) {
        let all = contents.withLock { $0.migrations }
        var views: [MigrationView] = []
        for id in all.keys.sorted() where last.map({ $0 < id }) ?? true {
            guard let view = all[id]?.view, isWanted(view) else { continue }
            if views.count == limit { return (views, views.last?.plan.id) }
            views.append(view)
        }
        return (views, nil)
    }

    /// Forgets a migration that has ended.
    ///
    /// Refused while the other agent has not heard of the end, and while a device is left that only
    /// this migration keeps from being run twice.
    public func remove(_ migration: Migration) throws(MigrationProblem) {
        guard migration.isOver else {
            let phase = migration.view.phase
            let reason =
                phase.isEnd
                ? "the other agent has not heard of its end, and is told until it answers; if its host is gone for good, resolve it with take_over"
                : "it has not ended"
            throw .active(phase, reason: reason)
        }
        for pair in migration.plan.devices where migration.plan.role == .source {
            let mark = registry.device(pair.source)?.snapshot.handedOver
            if mark?.migration == migration.id {
                throw .active(
                    migration.view.phase, reason: "\(pair.source) is marked by it: reset it first")
            }
        }
        do throws(Errno) {
            try directory.remove(migration.id)
        } catch {
            throw .journal(error)
        }
        contents.withLock { $0.migrations[migration.id] = nil }
    }

    /// Whether new migrations are refused.
    public var maintenance: Maintenance {
        get { contents.withLock { $0.maintenance } }
        set { contents.withLock { $0.maintenance = newValue } }
    }

    /// Lets every migration stop where it is, because the agent ends.
    public func endWork() {
        for migration in contents.withLock({ Array($0.migrations.values) }) { migration.endWork() }
    }

    /// Forgets that a migration ever came, and refuses it when it comes.
    public func bury(_ id: MigrationIdentifier) throws(MigrationProblem) {
        do throws(Errno) {
            try directory.bury(id)
        } catch {
            throw .journal(error)
        }
    }

    /// Whether it is to be refused when it comes.
    public func isBuried(_ id: MigrationIdentifier) -> Bool {
        directory.isBuried(id)
    }
}

/// How much an agent takes on.
public struct MigrationLimits: Hashable, Sendable {
    /// Migrations that go out at a time.
    public var outgoing = 8
    /// Migrations that come in at a time.
    public var incoming = 8
    /// Bytes a second that all of them send together; nil for no limit.
    public var bytesPerSecond: UInt64?

    /// 8 in, 8 out.
    public init() {}
}

/// Whether new migrations are refused, and why.
public struct Maintenance: Hashable, Sendable {
    /// They are.
    public var isOn: Bool
    /// Why, for people.
    public var reason: String?

    /// Whether new migrations are refused, and why.
    public init(isOn: Bool, reason: String?) {
        self.isOn = isOn
        self.reason = reason
    }
}
