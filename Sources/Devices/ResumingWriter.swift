internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

/// The one writer of a resuming session: puts an image into the device, piece by piece.
///
/// One thread at a time uses it. Maps to `PUT /v1/devices/{id}/data`.
public final class ResumingWriter: Sendable {
    /// The session that is written.
    public let sessionID: String
    private let controller: DeviceController
    private let file: any MigrationDataFile

    init(
        _ controller: DeviceController, _ session: TransferSession, _ file: any MigrationDataFile
    ) {
        self.controller = controller
        self.file = file
        sessionID = session.id
    }

    /// Writes a piece of the image, all of it.
    ///
    /// Blocks as long as the driver does. After one refusal the session has failed, whatever the
    /// driver would answer to more: it may take later bytes, and commit an image with a hole.
    public func write(_ piece: RawSpan) throws(DeviceProblem) {
        var written = 0
        while written < piece.byteCount {
            try requireOpenSession()
            let rest = piece.extracting(droppingFirst: written)
            let count: Int
            do throws(DeviceError) {
                count = try file.write(rest)
                // A driver that takes nothing and says nothing would keep this loop for ever.
                if count == 0 { throw DeviceError("write to the data fd", .ioError) }
            } catch {
                throw refusal(error)
            }
            written += count
            controller.machine.withLock { $0.changeSession(sessionID) { $0.moved(count) } }
        }
    }

    /// Ends this writer's turn; called exactly once.
    ///
    /// - Parameter clean: the body came to its proper end, and every piece was written.
    /// - Returns: the session as it stands.
    @discardableResult
    public func finish(clean: Bool) -> TransferSession? {
        controller.change { machine in
            machine.isUploading = false
            machine.changeSession(sessionID) { session in
                if clean && session.offset > 0 { session.completed() }
            }
            return machine.session
        }
    }

    private func requireOpenSession() throws(DeviceProblem) {
        try controller.machine.withLock { machine throws(DeviceProblem) in
            if machine.isDetached { throw .detached }
            guard let session = machine.openSession(sessionID) else {
                throw .stateMismatch(machine.state, session: machine.session)
            }
            if !session.isSound || machine.isCut {
                throw .sessionLost(
                    machine.state, session: session, recovery: machine.recovery)
            }
        }
    }

    private func refusal(_ error: DeviceError) -> DeviceProblem {
        controller.dataFileFailed(error, in: sessionID)
        return controller.machine.withLock { machine in
            guard let session = machine.openSession(sessionID) else {
                return .stateMismatch(machine.state, session: machine.session)
            }
            return .writeRejected(session, error)
        }
    }
}
