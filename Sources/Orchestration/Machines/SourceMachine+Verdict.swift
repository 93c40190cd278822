internal import MigrationModel

extension SourceMachine {
    /// Images are on their way while the devices run.
    var isCopying: Bool {
        phase == .copying || phase == .waitingSwitchover
    }

    /// Where the migration stands, in words; nil once it has ended.
    func verdict(at now: Duration) -> String? {
        if let barrier = barriers.first(where: \.isHolding), abort == nil, decision == nil {
            return "waits at the barrier \(barrier.barrier.rawValue) until somebody releases it"
        }
        return switch phase {
        case .pending, .preflight: "asking the destination whether it takes the devices"
        case .copying, .waitingSwitchover: copyingVerdict(at: now)
        case .quiescing: "the devices are being stopped"
        case .draining: "the devices stand still, and the rest of their images is on its way"
        case .preparing: "the devices stand still, and the destination takes their images in"
        case .committed, .runningDestination:
            plan.coordinator == .client
                ? "decided: its client has the destination run, and says so here"
                : "decided: the destination is told to run until it answers"
        case .inDoubt:
            "what the destination does is not known: it is asked until it answers; only if its host is gone for good an operator has to decide"
        case .holding: "both sides stand still: an operator has to look at the devices and decide"
        case .lettingGo: "the destination runs, and the source lets go of its devices"
        case .aborting: "the source takes its devices back"
        default: nil
        }
    }

    // Nothing moves towards a peer that does not answer.
    private func copyingVerdict(at now: Duration) -> String {
        guard let reason = conditions.reason(against: .peerReachable) else {
            return policy.assess(at: now).verdict
        }
        return "waiting: the destination does not answer, it is tried again: \(reason)"
    }
}
