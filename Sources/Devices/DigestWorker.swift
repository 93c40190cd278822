internal import SystemCalls
internal import SystemPackage

/// A thread that takes pieces of memory in, one after the other, beside the thread that moves them.
final class DigestWorker: Sendable {
    /// Takes a piece in, on the calling thread.
    let take: @Sendable (RawSpan, UInt64) -> Void
    private let queue = Locked(Queue())

    // Two: the worker finds the next piece when it is done with one, and memory stays bounded.
    static let mostPieces = 2

    private struct Queue: Sendable {
        /// The first one is being taken in.
        var pieces: [Piece] = []
        var isClosed = false
    }

    // SAFETY: the memory is its owner's, who leaves it as it is until the piece is off the queue.
    @safe private struct Piece: @unchecked Sendable {
        let bytes: UnsafeRawBufferPointer
        let offset: UInt64
    }

    /// `EAGAIN`: the system has no room for a thread.
    init(_ take: @escaping @Sendable (RawSpan, UInt64) -> Void) throws(Errno) {
        self.take = take
        let queue = queue
        queue.withLock { $0.pieces.reserveCapacity(Self.mostPieces) }
        try Thread(name: "digest") { Self.run(queue, take) }.detach()
    }

    private static func run(
        _ queue: Locked<Queue>, _ take: @Sendable (RawSpan, UInt64) -> Void
    ) {
        while true {
            let next: Piece?? = queue.wait(until: .now + .seconds(60)) { queue in
                if let first = queue.pieces.first { return .some(first) }
                return queue.isClosed ? .some(nil) : nil
            }
            switch next {
            case .some(let piece?):
                take(unsafe piece.bytes.bytes, piece.offset)
                queue.change { _ = $0.pieces.removeFirst() }
            case .some(nil): return
            case nil: continue
            }
        }
    }

    /// Waits until another piece may be put on the queue: all but the last one are taken in then.
    func waitForRoom() {
        waitUntil { $0.pieces.count < Self.mostPieces }
    }

    /// Puts a piece on the queue; blocks while that is full.
    func submit(_ bytes: RawSpan, _ offset: UInt64) {
        waitForRoom()
        unsafe bytes.withUnsafeBytes { memory in
            let piece = unsafe Piece(bytes: memory, offset: offset)
            queue.change { $0.pieces.append(piece) }
        }
    }

    /// Where the first piece on the queue begins; nil if there is none.
    var oldestOffset: UInt64? {
        queue.withLock { $0.pieces.first?.offset }
    }

    /// Waits until the queue is empty.
    func settle() {
        waitUntil(\.pieces.isEmpty)
    }

    /// The thread ends after what is on the queue.
    func stop() {
        queue.change { $0.isClosed = true }
    }

    private func waitUntil(_ holds: (Queue) -> Bool) {
        while queue.wait(until: .now + .seconds(60), for: { holds($0) ? true : nil }) == nil {}
    }
}
