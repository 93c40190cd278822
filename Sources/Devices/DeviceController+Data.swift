internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

extension DeviceController {
    /// Makes the caller the one reader of the saving session.
    ///
    /// A reader whose connection is dead gives way: it is asked to look, and has a moment to leave.
    public func openReader(
        _ bounds: SavingReader.Bounds
    ) throws(DeviceProblem) -> SavingReader {
        letStaleReaderLeave()
        let wake: EventDescriptor
        do throws(Errno) {
            wake = try EventDescriptor()
        } catch {
            throw .outOfResources(error)
        }
        return try change { machine throws(DeviceProblem) in
            let (session, file) = try machine.session(for: .saving)
            if machine.reader != nil { throw .streamBusy(offset: session.offset) }
            machine.reader = wake
            return SavingReader(self, session, file, bounds, wake)
        }
    }

    /// Makes the caller the one writer of the resuming session, from its very beginning.
    public func openWriter(
        if precondition: Precondition = .none
    ) throws(DeviceProblem) -> ResumingWriter {
        try change { machine throws(DeviceProblem) in
            try precondition.check(machine.generation)
            let (session, file) = try machine.session(for: .resuming)
            if machine.isUploading { throw .streamBusy(offset: session.offset) }
            if session.offset > 0 { throw .offsetMismatch(expected: session.offset) }
            machine.isUploading = true
            return ResumingWriter(self, session, file)
        }
    }

    /// Ends all waits for changes of this device, because the agent ends.
    public func endWaits() {
        change { $0.isEnding = true }
    }

    /// Cuts the streams of this device, because the agent ends; answers whether there were any.
    public func cutStreams() -> Bool {
        change { machine in
            machine.isCut = true
            machine.reader?.signal()
            return machine.reader != nil || machine.isUploading
        }
    }

    /// A data file failed: the session with it, unless the device is just leaving it.
    func dataFileFailed(_ error: DeviceError, in session: String) {
        let isExpected = change { machine in
            if machine.isEndingSession { return true }
            machine.failSession(session, error)
            return false
        }
        if !isExpected { lookAtDeviceIfIdle() }
    }

    /// Asks the device for its state, unless a thread is changing it, which then knows better.
    func lookAtDeviceIfIdle() {
        guard machine.withLock({ $0.isIdle }), let state = try? device.state() else { return }
        change { machine in
            if machine.isIdle { machine.observed(state: state) }
        }
    }

    private func letStaleReaderLeave() {
        let hasReader = machine.withLock { machine in
            machine.reader?.signal()
            return machine.reader != nil
        }
        guard hasReader else { return }
        _ = machine.wait(until: .now + .milliseconds(100)) { $0.reader == nil ? true : nil }
    }
}

extension DeviceMachine {
    var isIdle: Bool {
        if case .idle = activity { true } else { false }
    }

    var isDetached: Bool {
        if case .detached = activity { true } else { false }
    }

    /// The open session of a direction and its data file, sound enough to move bytes.
    fileprivate func session(
        for direction: TransferDirection
    ) throws(DeviceProblem) -> (TransferSession, any MigrationDataFile) {
        if isDetached { throw .detached }
        let isInState = direction == .saving ? state.isInSavingGroup : state == .resuming
        guard isInState else { throw .stateMismatch(state, session: session) }
        guard let session = openSession, let file, session.isSound else {
            throw .sessionLost(state, session: session, recovery: recovery)
        }
        return (session, file)
    }
}
