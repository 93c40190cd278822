public import Digests
public import MigrationModel
public import SystemCalls

/// A data transfer session: opened by the arc that returns a data fd, kept over the saving group, and
/// readable after its end until the next one opens.
///
/// ```mermaid
/// stateDiagram-v2
///     [*] --> active
///     active --> drained : temporary end
///     drained --> active : more bytes
///     active --> complete : saving - the real end was read; resuming - the whole image is written
///     drained --> complete
///     active --> failed
///     drained --> failed
///     complete --> failed : the commit was refused
///     active --> ended
///     drained --> ended
///     complete --> ended
///     failed --> ended
/// ```
public struct TransferSession: Hashable, Sendable {
    /// How far a session is.
    public enum Phase: String, Hashable, Sendable {
        /// Bytes are moving, or are about to.
        case active
        /// Saving: the device had nothing left when it was last read.
        case drained
        /// Saving: the real end was read. Resuming: the whole image is written.
        case complete
        /// Bytes are lost or the driver refused some: nothing good can come of it any more.
        case failed
        /// The device has left it.
        case ended
    }

    /// How a session ended.
    public enum Outcome: String, Hashable, Sendable {
        /// Resuming: the device has taken the image. Saving: the image was delivered as a whole.
        case committed
        /// Saving: the device went back before its image was complete.
        case rolledBack = "rolled-back"
        /// The device was reset.
        case reset
        /// The device left it without being asked to.
        case lost
    }

    /// A name that no other session has.
    public let id: String
    /// Which way the bytes go.
    public let direction: TransferDirection
    /// When the arc that opened it was done.
    public let openedAt: Timestamp
    /// How far it is.
    public private(set) var phase: Phase = .active
    /// Saving: the first byte that was never sent. Resuming: how many bytes the device has taken.
    public private(set) var offset: UInt64 = 0
    /// Saving: the first byte that can still be had, while the session is open.
    public internal(set) var earliestOffset: UInt64?
    /// Saving: how far the device was read, while the session is open.
    public internal(set) var readOffset: UInt64?
    /// Saving: the last stream broke off, so only the client knows where to go on.
    public internal(set) var isCut = false
    /// The digest of the whole image, once that is complete.
    public private(set) var sha256: SHA256Digest?
    /// Resuming: how long the image is, as an upload said.
    public internal(set) var declaredBytes: UInt64?
    /// Resuming: its digest, as an upload said.
    public internal(set) var declaredDigest: SHA256Digest?
    /// When the device left it.
    public private(set) var endedAt: Timestamp?
    /// How it ended.
    public private(set) var outcome: Outcome?
    /// What spoiled it.
    public private(set) var lastError: DeviceError?

    init(_ direction: TransferDirection) {
        id = "\(direction.rawValue)-\(String(UInt64.random(in: .min ... .max), radix: 16))"
        self.direction = direction
        openedAt = .now
    }

    /// The device has not left it yet.
    public var isOpen: Bool {
        phase != .ended
    }

    /// It can still lead to a whole image.
    public var isSound: Bool {
        isOpen && phase != .failed
    }

    /// Bytes of the device's state were not delivered, or not taken, when it ended.
    public var undelivered: Bool {
        outcome != .committed
    }

    /// Bytes up to an offset have moved; those that moved before change nothing.
    mutating func moved(to offset: UInt64) {
        guard offset > self.offset else { return }
        self.offset = offset
        if phase == .drained { phase = .active }
    }

    mutating func drained() {
        if phase == .active { phase = .drained }
    }

    mutating func completed(_ sha256: SHA256Digest?) {
        guard phase == .active || phase == .drained else { return }
        phase = .complete
        self.sha256 = sha256
    }

    mutating func failed(_ error: DeviceError? = nil) {
        guard isOpen else { return }
        phase = .failed
        lastError = lastError ?? error
    }

    /// The device has left the session by an arc that it was asked for.
    mutating func left() {
        switch direction {
        case .resuming: ended(.committed)
        case .saving: ended(phase == .complete ? .committed : .rolledBack)
        }
    }

    mutating func ended(_ outcome: Outcome) {
        guard isOpen else { return }
        phase = .ended
        self.outcome = outcome
        endedAt = .now
    }
}
