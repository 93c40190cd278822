public import Digests
internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

/// A part of an image, as the one who sends it describes it.
public struct UploadSegment: Hashable, Sendable {
    /// Where in the image it starts.
    public var offset: UInt64 = 0
    /// The image ends with it.
    public var isLast = true
    /// How long it is, where that is known beforehand.
    public var length: UInt64?
    /// How long the whole image is, where that is known.
    public var imageLength: UInt64?
    /// The digest of the whole image, where that is known.
    public var imageDigest: SHA256Digest?
    /// The digest of this segment, where that is known beforehand.
    public var digest: SHA256Digest?
    /// Digests are computed.
    public var digests = true

    /// A whole image, of which nothing is known.
    public init() {}

    /// Refuses a segment that does not fit its session; answers the session with what it declares.
    func check(against session: TransferSession) throws(DeviceProblem) -> TransferSession {
        if offset != session.offset { throw .offsetMismatch(expected: session.offset) }
        var session = session
        if let imageLength {
            guard (session.declaredBytes ?? imageLength) == imageLength, imageLength >= offset
            else { throw .declarationMismatch(session) }
            session.declaredBytes = imageLength
        }
        if let imageDigest {
            guard (session.declaredDigest ?? imageDigest) == imageDigest else {
                throw .declarationMismatch(session)
            }
            session.declaredDigest = imageDigest
        }
        if let length, let declared = session.declaredBytes, length > declared - offset {
            throw .declarationMismatch(session)
        }
        return session
    }
}

/// The one writer of a resuming session: puts an image into the device, piece by piece.
///
/// One thread at a time uses it. Maps to `PUT` and `PATCH /v1/devices/{id}/data`.
public final class ResumingWriter: Sendable {
    /// The session that is written.
    public let sessionID: String
    private let controller: DeviceController
    private let transfer: DeviceMachine.Transfer
    private let segment: UploadSegment
    private let digest: StreamDigest?
    private let offset: Locked<UInt64>

    /// `EAGAIN`, `ENOMEM`: no room for a thread or its memory.
    init(
        _ controller: DeviceController, _ session: String, _ transfer: DeviceMachine.Transfer,
        _ segment: UploadSegment
    ) throws(Errno) {
        self.controller = controller
        self.transfer = transfer
        self.segment = segment
        sessionID = session
        offset = Locked(segment.offset)
        digest =
            segment.digests
            ? try StreamDigest(transfer.digest, from: segment.offset, copies: true) : nil
    }

    /// Writes a piece of the image, all of it.
    ///
    /// Blocks as long as the driver does. After one refusal the session has failed, whatever the
    /// driver would answer to more: it may take later bytes, and commit an image with a hole.
    public func write(_ piece: RawSpan) throws(DeviceProblem) {
        try checkLength(piece.byteCount)
        let start = offset.withLock { $0 }
        digest?.beginCopying(piece, at: start)
        try writeAll(piece)
    }

    private func writeAll(_ piece: RawSpan) throws(DeviceProblem) {
        var written = 0
        while written < piece.byteCount {
            try requireOpenSession()
            let rest = piece.extracting(droppingFirst: written)
            let count: Int
            do throws(DeviceError) {
                count = try transfer.file.write(rest)
                // A driver that takes nothing and says nothing would keep this loop for ever.
                if count == 0 { throw DeviceError("write to the data fd", .ioError) }
            } catch {
                throw refusal(error)
            }
            written += count
            let reached = offset.withLock { offset in
                offset += UInt64(count)
                return offset
            }
            controller.machine.withLock { $0.changeSession(sessionID) { $0.moved(to: reached) } }
        }
    }

    /// Ends this writer's turn; called exactly once.
    ///
    /// - Parameters:
    ///   - isWhole: the body came to its proper end, and every piece was written.
    ///   - digest: what followed the body as its digest.
    /// - Returns: the session as it stands.
    public func finish(
        isWhole: Bool, digest expected: SHA256Digest? = nil
    ) throws(DeviceProblem) -> TransferSession? {
        let end = offset.withLock { $0 }
        let expected = expected ?? segment.digest
        let actual = digest?.value(upTo: end)
        let isRight = expected == nil || expected == actual
        return try controller.change { machine throws(DeviceProblem) in
            machine.uploader = nil
            guard isWhole, let session = machine.openSession(sessionID) else {
                return machine.session
            }
            if let expected, !isRight {
                if end > segment.offset { machine.failSession(sessionID) }
                throw .digestMismatch(
                    machine.session ?? session, expected: expected, actual: actual)
            }
            if segment.isLast && end > 0 { try complete(&machine, session) }
            return machine.session
        }
    }

    /// The last byte of the image has come, as its sender says.
    private func complete(
        _ machine: inout DeviceMachine, _ session: TransferSession
    ) throws(DeviceProblem) {
        if let declared = session.declaredBytes, declared != session.offset {
            let reason = "\(session.offset) bytes are there, the source says \(declared)"
            throw .imageIncomplete(session, reason: reason, declared: declared)
        }
        let sha256 = transfer.digest.value(of: session.offset)
        if let declared = session.declaredDigest, declared != sha256 {
            machine.failSession(sessionID)
            throw .digestMismatch(
                machine.session ?? session, expected: declared, actual: sha256)
        }
        machine.changeSession(sessionID) { $0.completed(sha256) }
    }

    /// Nothing is written beyond the length that the image is said to have.
    private func checkLength(_ count: Int) throws(DeviceProblem) {
        let end = offset.withLock { $0 } + UInt64(count)
        try controller.change { machine throws(DeviceProblem) in
            guard let session = machine.openSession(sessionID),
                let declared = session.declaredBytes, end > declared
            else { return }
            machine.failSession(sessionID)
            throw .imageIncomplete(
                machine.session ?? session,
                reason: "there are more bytes than the \(declared) that the source spoke of",
                declared: declared)
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
