public import MigrationModel
internal import SystemCalls
internal import SystemPackage

extension DeviceController {
    /// Takes the device to a state, arc by arc.
    ///
    /// Blocks for as long as the driver takes. The driver is asked where the device stands before the
    /// first arc, because a guest may have reset it, and after an arc that failed. Where it is in the
    /// state already, it is asked nothing at all.
    ///
    /// Maps to `PUT /v1/devices/{id}/state`.
    public func transition(
        to target: MigrationState, by requester: Requester = .anybody,
        proof: CommitProof = CommitProof()
    ) throws(DeviceProblem) -> TransitionReport {
        let isThere = try change { machine throws(DeviceProblem) in
            try machine.beginTransition(to: target, requester, proof)
        }
        if isThere { return report() }
        let outcome = Result { () throws(DeviceProblem) in try run(to: target, proof) }
        conclude(outcome)
        return try outcome.get()
    }

    /// The same on a thread of its own: answers what it did if that is done by a deadline, else nil.
    ///
    /// What is refused without asking the driver is refused at once. Later ``DeviceSnapshot`` tells how
    /// it went; whoever wants to hear it at once is told on that thread, before the device is idle.
    public func transition(
        to target: MigrationState, by requester: Requester = .anybody,
        proof: CommitProof = CommitProof(), waitingUntil deadline: ContinuousClock.Instant,
        ended: @escaping @Sendable (Result<TransitionReport, DeviceProblem>) -> Void = { _ in }
    ) throws(DeviceProblem) -> TransitionReport? {
        let isThere = try change { machine throws(DeviceProblem) in
            try machine.beginTransition(to: target, requester, proof)
        }
        if isThere { return report() }
        // Of its own: another transition may have begun, and ended, before this thread wakes.
        let result = Locked<Result<TransitionReport, DeviceProblem>?>(nil)
        do throws(Errno) {
            try Thread(name: "transition") { [self] in
                let outcome = Result { () throws(DeviceProblem) in try run(to: target, proof) }
                ended(outcome)
                conclude(outcome)
                result.change { $0 = outcome }
            }.detach()
        } catch {
            change { $0.activity = .idle }
            throw .outOfResources(error)
        }
        return try result.wait(until: deadline) { $0 }?.get()
    }

    /// Waits until nobody changes the device; false when time runs out first.
    public func waitUntilIdle(until deadline: ContinuousClock.Instant) -> Bool {
        machine.wait(until: deadline) { $0.isIdle || $0.isDetached ? true : nil } ?? false
    }

    private func run(
        to target: MigrationState, _ proof: CommitProof
    ) throws(DeviceProblem) -> TransitionReport {
        try lookAtDevice()
        let (stateBefore, arcs) = try machine.withLock { machine throws(DeviceProblem) in
            let arcs = try machine.path(to: target)
            try machine.checkCommit(arcs, proof)
            return (machine.state, arcs)
        }
        var done: [TimedArc] = []
        var ended: TransferSession?
        for arc in arcs {
            change { $0.began(arc) }
            let start = ContinuousClock.now
            do throws(DeviceError) {
                let file = try device.setState(arc.to)
                done.append(TimedArc(arc: arc, duration: .now - start, endedAt: .now))
                if let session = change({ $0.ran(arc, file) }) { ended = session }
            } catch {
                throw .arcFailed(failure(of: arc, error, from: stateBefore, after: done))
            }
        }
        return report(arcs: done, sessionEnded: ended)
    }

    /// Asks the device for its state, and believes what it says.
    private func lookAtDevice() throws(DeviceProblem) {
        do throws(DeviceError) {
            let state = try device.state()
            change { $0.observed(state: state) }
        } catch {
            change { $0.failed(error) }
            throw .deviceFailed(error, state: machine.withLock { $0.state })
        }
    }

    private func failure(
        of arc: Arc, _ error: DeviceError, from stateBefore: MigrationState, after done: [TimedArc]
    ) -> ArcFailure {
        // A device that does not even tell its state is believed to be where it was.
        let observed = (try? device.state()) ?? arc.from
        return change { machine in
            machine.refused(arc, error, nowIn: observed)
            return ArcFailure(
                stateBefore: stateBefore, completedArcs: done, failedArc: arc,
                stateAfter: observed, error: error, recovery: machine.recovery)
        }
    }

    /// Ends the activity that this thread began, and remembers how it went.
    func conclude(_ outcome: Result<TransitionReport, DeviceProblem>) {
        change { machine in
            machine.activity = .idle
            machine.lastTransition = outcome
        }
    }

    func report(
        arcs: [TimedArc] = [], sessionEnded: TransferSession? = nil
    ) -> TransitionReport {
        let machine = self.machine.withLock { $0 }
        return TransitionReport(
            state: machine.state, generation: machine.generation, arcs: arcs,
            session: machine.describedSession.flatMap { $0.isOpen ? $0 : nil },
            sessionEnded: sessionEnded)
    }
}

extension DeviceMachine {
    /// Makes the calling thread the one that changes the device; true if it is there already.
    fileprivate mutating func beginTransition(
        to target: MigrationState, _ requester: Requester, _ proof: CommitProof
    ) throws(DeviceProblem) -> Bool {
        // What was handed over may be in STOP, and nowhere else.
        if handedOver != nil && target == .stop {
            try requester.check(self)
        } else {
            try requester.checkMove(self)
        }
        try requireIdle()
        let arcs = try path(to: target)
        if arcs.isEmpty { return true }
        try checkCommit(arcs, proof)
        began(to: target)
        return false
    }
}
