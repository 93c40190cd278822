internal import Digests
internal import SystemCalls
internal import SystemPackage

/// The digest of a session's image, fed in the order of its bytes.
///
/// Once a byte was left out there is none any more.
final class ImageDigest: Sendable {
    private let running = Locked(RunningDigest(from: 0))

    /// The digest of the first so many bytes; nil if other bytes were taken in than those.
    func value(of count: UInt64) -> SHA256Digest? {
        running.withLock { $0.end == count ? $0.hash.digest : nil }
    }

    /// It is a digest of everything before an offset.
    func stands(at offset: UInt64) -> Bool {
        running.withLock { $0.end == offset }
    }

    fileprivate func take(_ bytes: RawSpan, at offset: UInt64) {
        running.withLock { $0.take(bytes, at: offset) }
    }
}

private struct RunningDigest: Sendable {
    var hash = SHA256()
    /// The offset behind what was taken in; nil once there was a gap.
    private(set) var end: UInt64?

    init(from offset: UInt64) {
        end = offset
    }

    /// Takes in what is new of some bytes.
    mutating func take(_ bytes: RawSpan, at offset: UInt64) {
        guard let end else { return }
        guard offset <= end else { return self.end = nil }
        let known = Int(clamping: end - offset)
        guard known < bytes.byteCount else { return }
        hash.update(bytes.extracting(droppingFirst: known))
        self.end = offset + UInt64(bytes.byteCount)
    }
}

/// The digests that one stream of a session computes: of its own bytes, and of the image.
///
/// A thread of its own hashes, while the bytes are moved by another. One thread at a time uses it.
final class StreamDigest: Sendable {
    private let image: ImageDigest
    /// Of this stream's bytes alone; nil where those are the image's.
    private let own: Locked<RunningDigest>?
    private let worker: DigestWorker

    /// Below that a piece is hashed faster than another thread is woken.
    private static let smallPiece = 64 << 10

    /// `EAGAIN`: the system has no room for a thread.
    init(_ image: ImageDigest, from offset: UInt64) throws(Errno) {
        let own =
            offset == 0 && image.stands(at: 0) ? nil : Locked(RunningDigest(from: offset))
        self.image = image
        self.own = own
        worker = try DigestWorker { bytes, offset in
            own?.withLock { $0.take(bytes, at: offset) }
            image.take(bytes, at: offset)
        }
    }

    deinit {
        worker.stop()
    }

    /// Takes in the bytes from an offset on, and may be at it for a while after it has returned: they
    /// stay where they are until ``oldestOffset`` is behind them.
    func begin(_ bytes: RawSpan, at offset: UInt64) {
        if bytes.byteCount < Self.smallPiece {
            worker.settle()
            worker.take(bytes, offset)
        } else {
            worker.submit(bytes, offset)
        }
    }

    /// Where the bytes begin that are not taken in yet; nil if all are.
    var oldestOffset: UInt64? {
        worker.oldestOffset
    }

    /// Takes in the bytes from an offset on, while a body does something else with them.
    func hashing<Result, Failure: Error>(
        _ bytes: RawSpan, at offset: UInt64, while body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        begin(bytes, at: offset)
        defer { settle() }
        return try body()
    }

    /// Waits until everything is taken in.
    func settle() {
        worker.settle()
    }

    /// The digest of the stream's bytes up to an offset.
    func value(upTo offset: UInt64) -> SHA256Digest? {
        settle()
        guard let own else { return image.value(of: offset) }
        return own.withLock { $0.end == offset ? $0.hash.digest : nil }
    }
}
