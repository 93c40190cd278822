internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

extension DeviceController {
    /// Resets the device: the only way out of ERROR and of a failed RESUMING.
    ///
    /// Blocks for as long as the driver takes. In RESUMING and STOP_COPY a reset loses data that
    /// exists nowhere else: there it wants a precondition or a key. A key that was answered before is
    /// answered again, and nothing is reset.
    ///
    /// Maps to `POST /v1/devices/{id}/reset`.
    public func reset(
        by requester: Requester = .anybody, idempotencyKey: String? = nil
    ) throws(DeviceProblem) -> TransitionReport {
        let answer = try change { machine throws(DeviceProblem) in
            try machine.beginReset(requester, idempotencyKey)
        }
        if let answer { return answer }
        let outcome = Result { () throws(DeviceProblem) in
            let ended: TransferSession?
            do throws(DeviceError) {
                try device.reset()
                let state = try device.state()
                ended = change { $0.wasReset(nowIn: state) }
            } catch {
                throw .resetFailed(error, state: stateAfterFailure(error))
            }
            let report = report(sessionEnded: ended)
            if let idempotencyKey { change { $0.remember(report, as: idempotencyKey) } }
            return report
        }
        conclude(outcome)
        return try outcome.get()
    }

    private func stateAfterFailure(_ error: DeviceError) -> MigrationState {
        let observed = try? device.state()
        return change { machine in
            machine.failed(error)
            if let observed { machine.observed(state: observed) }
            return machine.state
        }
    }
}

extension DeviceMachine {
    private static let rememberedResets = 16

    /// Makes the calling thread the one that changes the device, or answers what it was answered
    /// before.
    fileprivate mutating func beginReset(
        _ requester: Requester, _ key: String?
    ) throws(DeviceProblem) -> TransitionReport? {
        if let key, let answered = answeredResets.first(where: { $0.key == key }) {
            return answered.report
        }
        try requester.check(self)
        try requireIdle()
        let losesData = state == .resuming || state == .stopCopy
        if losesData && !requester.isConditional && key == nil {
            throw .preconditionRequired(state)
        }
        activity = .reset
        return nil
    }

    fileprivate mutating func remember(_ report: TransitionReport, as key: String) {
        answeredResets.append((key, report))
        if answeredResets.count > Self.rememberedResets { answeredResets.removeFirst() }
    }
}
