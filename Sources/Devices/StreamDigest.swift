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
    private let copies: [MemoryBlock]
    private let nextCopy = Locked(0)

    private static let copyLength = 512 << 10
    /// Below that a piece is hashed faster than another thread is woken.
    private static let smallPiece = 64 << 10

    /// `EAGAIN`: the system has no room for a thread; `ENOMEM`: or for copies.
    init(
        _ image: ImageDigest, from offset: UInt64, copies isCopying: Bool = false
    ) throws(Errno) {
        copies = try (0..<(isCopying ? DigestWorker.mostPieces : 0)).map { _ throws(Errno) in
            try MemoryBlock(count: Self.copyLength)
        }
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
        // It looks at memory that goes with this object.
        worker.settle()
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

    /// Takes in a copy of the bytes from an offset on, for a caller who gives the memory back before it
    /// is hashed.
    func beginCopying(_ bytes: RawSpan, at offset: UInt64) {
        var done = 0
        while done < bytes.byteCount {
            let rest = bytes.extracting(droppingFirst: done)
            let piece = rest.extracting(first: Self.copyLength)
            // One of the two was taken in: not the one that was filled last.
            worker.waitForRoom()
            let copy = nextCopy.withLock { next in
                defer { next = (next + 1) % copies.count }
                return copies[next]
            }
            copy.copy(piece)
            copy.read(0..<piece.byteCount) { begin($0, at: offset + UInt64(done)) }
            done += piece.byteCount
        }
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
