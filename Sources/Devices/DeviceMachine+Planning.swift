internal import MigrationModel

extension DeviceMachine {
    /// The arcs to a state, or why there are none; asks nothing of the driver.
    func path(to target: MigrationState) throws(DeviceProblem) -> [Arc] {
        let arcs: [Arc]
        do throws(TransitionRefusal) {
            arcs = try StateMachine.path(from: state, to: target, features: features)
        } catch {
            switch error {
            case .unsupported(let state, let missing):
                throw .unsupportedState(state, missing: missing)
            case .blocked(let from, let to):
                throw .invalidTransition(from: from, to: to, reachable: reachableStates)
            }
        }
        if !arcs.isEmpty && !canLeave(to: target) {
            throw .sessionLost(state, session: session, recovery: recovery)
        }
        return arcs
    }

    /// The states that can be asked for here, from the point of view of the session as well.
    var reachableStates: [MigrationState] {
        let states = StateMachine.reachableStates(from: state, features: features)
        return states.allSatisfy(canLeave) ? states : states.filter(canLeave)
    }

    /// What can be done after a failure.
    var recovery: [Recovery] {
        if isLatched { return [.resetWhenIdle] }
        if state == .resuming { return [.reset] }
        let states = reachableStates.map(Recovery.state)
        return states.isEmpty ? [.reset] : states
    }

    // Without its session a device goes back, but it neither moves on inside the saving group nor
    // commits.
    private func canLeave(to target: MigrationState) -> Bool {
        if isLatched { return false }
        if state == .resuming { return openSession != nil }
        if state.isInSavingGroup && target.isInSavingGroup {
            return openSession?.isSound ?? false
        }
        return true
    }

    /// Refuses a commit of an image that nobody vouches for.
    func checkCommit(_ arcs: [Arc], _ proof: CommitProof) throws(DeviceProblem) {
        guard arcs.contains(where: \.isCommit), let session = openSession else { return }
        let digest = transfer?.digest.value(of: session.offset)
        switch proof.objection(to: session, digest: digest, isUploading: uploader != nil) {
        case nil: return
        case .unverified: throw .imageUnverified(session)
        case .incomplete(let reason):
            throw .imageIncomplete(
                session, reason: reason, declared: proof.bytes ?? session.declaredBytes)
        }
    }
}
