public import SystemCalls

/// A place where a migration waits.
public struct BarrierState: Hashable, Sendable {
    /// Which one.
    public let barrier: MigrationPlan.Barrier
    /// When it was reached, for display.
    public private(set) var reachedAt: Timestamp?
    /// When it was opened, for display.
    public private(set) var releasedAt: Timestamp?
    private(set) var deadline: Duration?

    /// Somebody waits here.
    var isHolding: Bool { reachedAt != nil && releasedAt == nil }

    init(_ barrier: MigrationPlan.Barrier) {
        self.barrier = barrier
    }

    mutating func release() {
        if releasedAt == nil { releasedAt = .now }
    }

    fileprivate mutating func reach(at now: Duration, waiting: Duration) {
        if reachedAt != nil { return }
        reachedAt = .now
        deadline = now + waiting
    }
}

extension SourceMachine {
    /// Whether the way behind a barrier is free. One that stays shut for too long ends the migration.
    mutating func passes(_ barrier: MigrationPlan.Barrier) -> Bool {
        guard let place = barriers.firstIndex(where: { $0.barrier == barrier }) else { return true }
        barriers[place].reach(at: now, waiting: plan.options.barrierTimeout)
        if barriers[place].releasedAt != nil { return true }
        guard let deadline = barriers[place].deadline else { return false }
        if now >= deadline {
            fail(
                .failure(
                    "barrier-timeout",
                    "Nobody opened the barrier \(barrier.rawValue) within \(plan.options.barrierTimeout)."
                ))
        } else {
            agenda.wakeUp(at: deadline)
        }
        return false
    }
}
