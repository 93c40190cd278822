public import Digests
public import SystemCalls
internal import SystemPackage

/// The one reader of a saving session: sends the image, piece by piece.
///
/// It follows the session: a temporary end is waited out, the device may move on to STOP_COPY in
/// between, and the stream ends where the image does. What was read from the device is kept for a
/// while after it was sent, so a broken connection costs nothing; see ``ReplayWindow``.
///
/// One thread at a time uses it. Maps to `GET /v1/devices/{id}/data`.
public final class SavingReader: Sendable {
    /// Where the stream starts, where it ends by itself before the image does, and how it goes.
    public struct Bounds: Hashable, Sendable {
        /// It starts there; nil for the first byte that was never sent.
        public var offset: UInt64?
        /// It ends at the first temporary end.
        public var untilDrained = false
        /// It ends after this many bytes.
        public var limit: UInt64?
        /// It goes no faster than this.
        public var bytesPerSecond: UInt64?
        /// Its digest is computed, and the image's with it.
        public var digests = true

        /// A stream of the whole image, as fast as it goes.
        public init() {}
    }

    /// What comes next in the stream.
    public enum Step: Hashable, Sendable {
        /// A piece was sent.
        case sent
        /// The stream ends here, whole, with its session in this phase and at this offset.
        case end(TransferSession.Phase, offset: UInt64, SHA256Digest?)
        /// The stream breaks off; if the session is to blame, the reason stands there.
        case broken
    }

    /// The session that is read.
    public let sessionID: String
    /// Where in the image this stream starts.
    public let startOffset: UInt64
    private let controller: DeviceController
    private let pipe: SavingPipe
    private let image: ImageDigest
    private let digest: StreamDigest?
    private let bounds: Bounds
    private let event: EventDescriptor
    private let progress: Locked<Progress>

    private struct Progress: Sendable {
        var offset: UInt64
        var pace: Pace?
    }

    /// `EAGAIN`, `EMFILE`: no room for threads or descriptors.
    init(
        _ controller: DeviceController, _ session: String, _ transfer: DeviceMachine.Transfer,
        from offset: UInt64, _ bounds: Bounds
    ) throws(Errno) {
        self.controller = controller
        self.bounds = bounds
        pipe = transfer.pipe
        image = transfer.digest
        sessionID = session
        startOffset = offset
        let pace = bounds.bytesPerSecond.map { Pace(bytesPerSecond: $0, now: .now) }
        progress = Locked(Progress(offset: offset, pace: pace))
        digest = bounds.digests ? try StreamDigest(transfer.digest, from: offset) : nil
        let goal = bounds.limit.map { offset.addingReportingOverflow($0) }
        let (events, needsPump) = try pipe.attach(
            at: offset, goal: goal.map { $0.overflow ? .max : $0.partialValue } ?? .max,
            untilDrained: bounds.untilDrained)
        event = events.forReader
        guard needsPump else { return }
        do throws(Errno) {
            try SavingPump.start(controller, session, transfer.file, pipe, events.forPump)
        } catch {
            pipe.pumpFailed()
            pipe.detach()
            throw error
        }
    }

    /// Sends the next piece, at most so many bytes, by a function that answers whether all of it went
    /// out.
    ///
    /// Blocks until there is one, the stream ends, or the connection that waits for it has gone.
    public func next(
        upTo most: Int = .max, watch: ConnectionWatch, send: (RawSpan) -> Bool
    ) -> Step {
        while goesOn {
            let (offset, room) = progress.withLock { ($0.offset, roomLeft($0)) }
            guard room > 0 else { return end(at: offset) }
            guard waitForTurn(watch) else { return .broken }
            switch pipe.offer(at: offset, upTo: min(room, most), keepingFrom: digest?.oldestOffset)
            {
            case .piece(let block, let range):
                moved(range.count)
                let isSent = block.read(range) { bytes in
                    digest?.begin(bytes, at: offset)
                    return send(bytes)
                }
                return isSent ? .sent : .broken
            case .complete:
                digest?.settle()
                let sha256 = image.value(of: offset)
                controller.change { $0.changeSession(sessionID) { $0.completed(sha256) } }
                return end(at: offset)
            case .drained:
                controller.change { $0.changeSession(sessionID) { $0.drained() } }
                if bounds.untilDrained { return end(at: offset) }
                fallthrough
            case .nothing:
                if watch.wait(for: event, timeout: ConnectionWatch.interval) == .gone {
                    return .broken
                }
            case .broken:
                return .broken
            }
        }
        return .broken
    }

    /// The session is there and sound, and the agent does not end.
    public var goesOn: Bool {
        controller.stateToRead(sessionID) != nil
    }

    /// Ends this reader's turn; called exactly once.
    ///
    /// - Parameter delivered: every byte that ``next(watch:send:)`` sent went out to the client.
    public func finish(delivered: Bool) {
        let hasSent = progress.withLock { $0.offset > startOffset }
        digest?.settle()
        pipe.detach()
        controller.change { machine in
            machine.streamer = nil
            if !delivered && hasSent { machine.streamWasCut(sessionID) }
        }
    }

    private func roomLeft(_ progress: Progress) -> Int {
        let limit = bounds.limit.map { Int(clamping: $0 - (progress.offset - startOffset)) } ?? .max
        return min(limit, progress.pace?.largestPiece ?? .max)
    }

    /// Counts a piece before it is sent: of one that is cut nobody knows how much arrived.
    private func moved(_ count: Int) {
        let offset = progress.withLock { progress in
            progress.offset += UInt64(count)
            progress.pace?.moved(count, at: .now)
            return progress.offset
        }
        pipe.sent(to: offset)
        controller.machine.withLock { $0.changeSession(sessionID) { $0.moved(to: offset) } }
    }

    private func end(at offset: UInt64) -> Step {
        guard let session = controller.machine.withLock({ $0.openSession(sessionID) }) else {
            return .broken
        }
        return .end(session.phase, offset: offset, digest?.value(upTo: offset))
    }

    /// Waits until the next piece is due; false when nobody waits for it any more.
    private func waitForTurn(_ watch: ConnectionWatch) -> Bool {
        while let wait = progress.withLock({ $0.pace?.wait(from: .now) }), wait > .zero {
            if watch.wait(for: event, timeout: wait) == .gone { return false }
            if !goesOn { return false }
        }
        return true
    }
}
