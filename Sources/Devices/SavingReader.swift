internal import MigrationModel
public import SystemCalls
internal import SystemPackage

/// The one reader of a saving session: takes the image out of the device, piece by piece.
///
/// It follows the session: a temporary end is waited out, the device may move on to STOP_COPY in
/// between, and the stream ends where the image does. Bytes that were taken from the device and did
/// not arrive spoil the session, never the device.
///
/// One thread at a time uses it. Maps to `GET /v1/devices/{id}/data`.
public final class SavingReader: Sendable {
    /// Where the stream ends by itself before the image does, and how fast it goes.
    public struct Bounds: Hashable, Sendable {
        /// It ends at the first temporary end.
        public var untilDrained = false
        /// It ends after this many bytes.
        public var limit: UInt64?
        /// It goes no faster than this.
        public var bytesPerSecond: UInt64?

        /// A stream of the whole image, as fast as it goes.
        public init() {}
    }

    /// What comes next in the stream.
    public enum Step: Hashable, Sendable {
        /// This many bytes of the image.
        case bytes(Int)
        /// The stream ends here, whole, with its session in this phase and at this offset.
        case end(TransferSession.Phase, offset: UInt64)
        /// The stream breaks off; the reason stands in the session.
        case broken
    }

    /// The session that is read.
    public let sessionID: String
    /// Where in the image this stream starts.
    public let startOffset: UInt64
    private let controller: DeviceController
    private let file: any MigrationDataFile
    private let bounds: Bounds
    private let wake: EventDescriptor
    private let progress: Locked<Progress>

    private struct Progress: Sendable {
        var sent: UInt64 = 0
        var idleWait = shortestIdleWait
        var pace: Pace?
        var sawViolation = false
    }

    // poll(2) on a data fd lies for every driver but one, so an idle device is asked again after a
    // while that grows.
    private static let shortestIdleWait = Duration.milliseconds(10)
    private static let longestIdleWait = Duration.seconds(1)

    init(
        _ controller: DeviceController, _ session: TransferSession, _ file: any MigrationDataFile,
        _ bounds: Bounds, _ wake: EventDescriptor
    ) {
        self.controller = controller
        self.file = file
        self.bounds = bounds
        self.wake = wake
        sessionID = session.id
        startOffset = session.offset
        var progress = Progress()
        progress.pace = bounds.bytesPerSecond.map { Pace(bytesPerSecond: $0, now: .now) }
        self.progress = Locked(progress)
    }

    /// Reads the next piece into the free part of a buffer.
    ///
    /// Blocks until there is one, the stream ends, or the connection that waits for it has gone.
    public func next(into buffer: inout OutputRawSpan, watch: ConnectionWatch) -> Step {
        while let state = stateToRead() {
            let room = roomLeft
            guard room > 0 else { return end() }
            guard waitForTurn(watch) else { return .broken }
            switch read(into: &buffer, upTo: room, begunIn: state) {
            case .bytes(let count)?:
                moved(count)
                return .bytes(count)
            case .endOfStream?:
                controller.change { $0.changeSession(sessionID) { $0.completed() } }
                return end()
            case .drained?:
                controller.change { $0.changeSession(sessionID) { $0.drained() } }
                if bounds.untilDrained { return end() }
                guard waitWhileIdle(watch) else { return .broken }
            case .violation?:
                guard toleratesViolation() else { return .broken }
            case nil:
                return .broken
            }
        }
        return .broken
    }

    /// Ends this reader's turn; called exactly once.
    ///
    /// - Parameter delivered: every byte that ``next(into:watch:)`` gave went out to the client.
    public func finish(delivered: Bool) {
        let sent = progress.withLock { $0.sent }
        controller.change { machine in
            machine.reader = nil
            if !delivered && sent > 0 { machine.failSession(sessionID) }
        }
    }

    /// The state that the device is known to be in; nil when the session is not to be read any more.
    private func stateToRead() -> MigrationState? {
        controller.machine.withLock { machine in
            guard let session = machine.openSession(sessionID), session.isSound, !machine.isCut,
                !machine.isDetached
            else { return nil }
            return machine.state
        }
    }

    private func read(
        into buffer: inout OutputRawSpan, upTo limit: Int, begunIn state: MigrationState
    ) -> ReadOutcome? {
        do throws(DeviceError) {
            return try file.read(into: &buffer, upTo: limit, begunIn: state)
        } catch {
            controller.dataFileFailed(error, in: sessionID)
            return nil
        }
    }

    private var roomLeft: Int {
        progress.withLock { progress in
            let limit = bounds.limit.map { Int(clamping: $0 - progress.sent) } ?? .max
            return min(limit, progress.pace?.largestPiece ?? .max)
        }
    }

    private func moved(_ count: Int) {
        progress.withLock { progress in
            progress.sent += UInt64(count)
            progress.idleWait = Self.shortestIdleWait
            progress.pace?.moved(count, at: .now)
        }
        controller.machine.withLock { $0.changeSession(sessionID) { $0.moved(count) } }
    }

    private func end() -> Step {
        guard let session = controller.machine.withLock({ $0.openSession(sessionID) }) else {
            return .broken
        }
        return .end(session.phase, offset: session.offset)
    }

    /// Waits until the next piece is due; false when nobody waits for it any more.
    private func waitForTurn(_ watch: ConnectionWatch) -> Bool {
        while let wait = progress.withLock({ $0.pace?.wait(from: .now) }), wait > .zero {
            if watch.wait(for: wake, timeout: wait) == .gone { return false }
            if stateToRead() == nil { return false }
        }
        return true
    }

    /// Waits for more to come; false when nobody waits for it any more.
    private func waitWhileIdle(_ watch: ConnectionWatch) -> Bool {
        // mlx5 and virtio begin their next incremental save inside this call.
        _ = try? controller.precopySample(maxAge: Self.longestIdleWait)
        let wait = progress.withLock { progress in
            defer { progress.idleWait = min(progress.idleWait * 2, Self.longestIdleWait) }
            return progress.idleWait
        }
        switch watch.wait(for: wake, timeout: wait) {
        case .gone: return false
        case .timeout: return true
        case .event:
            progress.withLock { $0.idleWait = Self.shortestIdleWait }
            return true
        }
    }

    /// `ENOMSG` in STOP_COPY: tolerated once, then the driver has broken the protocol.
    private func toleratesViolation() -> Bool {
        controller.lookAtDeviceIfIdle()
        let isFirst = progress.withLock { progress in
            defer { progress.sawViolation = true }
            return !progress.sawViolation
        }
        if !isFirst {
            controller.dataFileFailed(
                DeviceError("read of the data fd in STOP_COPY", .noMessage), in: sessionID)
        }
        return isFirst
    }
}
