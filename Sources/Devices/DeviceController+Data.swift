internal import MigrationModel
public import SystemCalls
internal import SystemPackage

extension DeviceController {
    /// Makes the caller the one reader of the saving session.
    ///
    /// A reader whose connection is dead gives way.
    public func openReader(
        _ bounds: SavingReader.Bounds, by requester: Requester = .anybody,
        watch: ConnectionWatch = .none
    ) throws(DeviceProblem) -> SavingReader {
        letDeadConnectionLeave(\.streamer)
        let (session, transfer, offset) = try change { machine throws(DeviceProblem) in
            try requester.checkMove(machine)
            let (session, transfer) = try machine.session(for: .saving)
            if machine.streamer != nil { throw .streamBusy(offset: session.offset) }
            let offset = try session.start(bounds.offset, transfer.pipe.earliestOffset)
            machine.streamer = watch
            machine.changeSession(session.id) { $0.isCut = false }
            return (session, transfer, offset)
        }
        do throws(Errno) {
            return try SavingReader(self, session.id, transfer, from: offset, bounds)
        } catch {
            change { machine in
                machine.streamer = nil
                machine.changeSession(session.id) { $0.isCut = session.isCut }
            }
            throw .outOfResources(error)
        }
    }

    /// Makes the caller the one writer of the resuming session, from where that stands.
    ///
    /// A writer whose connection is dead gives way: what came from it is written first.
    public func openWriter(
        _ segment: UploadSegment, by requester: Requester = .anybody,
        watch: ConnectionWatch = .none
    ) throws(DeviceProblem) -> ResumingWriter {
        letDeadConnectionLeave(\.uploader)
        let (session, transfer) = try change { machine throws(DeviceProblem) in
            try requester.checkMove(machine)
            let (session, transfer) = try machine.session(for: .resuming)
            if machine.uploader != nil { throw .streamBusy(offset: session.offset) }
            let declared = try segment.check(against: session)
            machine.uploader = watch
            machine.changeSession(session.id) { $0 = declared }
            return (session, transfer)
        }
        do throws(Errno) {
            return try ResumingWriter(self, session.id, transfer, segment)
        } catch {
            change { $0.uploader = nil }
            throw .outOfResources(error)
        }
    }

    /// Waits until what came over a dead connection is written, so that the session's offset is final.
    public func settleUpload() {
        letDeadConnectionLeave(\.uploader)
    }

    /// Ends all waits for changes of this device, because the agent ends.
    public func endWaits() {
        change { $0.isEnding = true }
    }

    /// Cuts the streams of this device, because the agent ends; answers whether there were any.
    public func cutStreams() -> Bool {
        change { machine in
            machine.isCut = true
            machine.transfer?.pipe.wake()
            return machine.cutUploader() || machine.streamer != nil
        }
    }

    /// A data file failed: the session with it, unless the device is just leaving it.
    func dataFileFailed(_ error: DeviceError, in session: String) {
        let state = stateIfIdle()
        change { machine in
            if machine.isEndingSession { return }
            machine.failSession(session, error)
            if let state, machine.isIdle { machine.observed(state: state) }
        }
    }

    /// Asks the device for its state, unless a thread is changing it, which then knows better; answers
    /// what is known then. Blocks as long as the driver does.
    @discardableResult
    public func lookAtDeviceIfIdle() -> DeviceSnapshot {
        if let state = stateIfIdle() {
            change { machine in
                if machine.isIdle { machine.observed(state: state) }
            }
        }
        return snapshot
    }

    private func stateIfIdle() -> MigrationState? {
        machine.withLock { $0.isIdle } ? try? device.state() : nil
    }

    /// Gives the connection that moves data a moment to notice that it is dead, and the time that it
    /// needs to come to its end if it is.
    private func letDeadConnectionLeave(_ connection: KeyPath<DeviceMachine, ConnectionWatch?>) {
        guard machine.withLock({ $0[keyPath: connection] != nil }) else { return }
        let hasLeft: (inout DeviceMachine) -> Bool? = {
            $0[keyPath: connection] == nil ? true : nil
        }
        if machine.wait(until: .now + .milliseconds(100), for: hasLeft) != nil { return }
        guard machine.withLock({ $0[keyPath: connection]?.isGone ?? false }) else { return }
        _ = machine.wait(until: .now + .seconds(10), for: hasLeft)
    }
}

extension DeviceMachine {
    /// Ends the connection that brings an image in, whose thread waits for nothing else; answers
    /// whether there was one.
    func cutUploader() -> Bool {
        // As long as it is noted here, its owner has not closed it.
        uploader?.cut()
        return uploader != nil
    }

    var isIdle: Bool {
        if case .idle = activity { true } else { false }
    }

    var isDetached: Bool {
        if case .detached = activity { true } else { false }
    }

    /// The session with what only its pipe knows.
    var describedSession: TransferSession? {
        guard var session, session.direction == .saving, let transfer else { return session }
        (session.earliestOffset, session.readOffset) = transfer.pipe.offsets
        return session
    }

    /// The open session of a direction, sound enough to move bytes.
    fileprivate func session(
        for direction: TransferDirection
    ) throws(DeviceProblem) -> (TransferSession, Transfer) {
        let isInState = direction == .saving ? state.isInSavingGroup : state == .resuming
        guard isInState else { throw .stateMismatch(state, session: session) }
        guard let session = openSession, let transfer, session.isSound else {
            throw .sessionLost(state, session: session, recovery: recovery)
        }
        return (session, transfer)
    }
}

extension TransferSession {
    /// Where a stream starts that asks for an offset, or for the first byte that was never sent.
    fileprivate func start(
        _ wanted: UInt64?, _ earliest: UInt64
    ) throws(DeviceProblem) -> UInt64 {
        guard let wanted else {
            if isCut { throw .offsetRequired(offset: offset, earliest: earliest) }
            return offset
        }
        guard (earliest...offset).contains(wanted) else {
            throw .offsetUnavailable(wanted, offset: offset, earliest: earliest)
        }
        return wanted
    }
}
