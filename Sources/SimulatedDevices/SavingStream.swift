/// Makes the image of a device while that runs and changes: a cursor over the log of its writes.
///
/// The first section is the state as it was when the session opened. What is written afterwards
/// follows as dirtied blocks, each in its latest form only, and the last section closes the image once
/// the device has stopped.
struct SavingStream: Sendable {
    private let opened: DeviceContent
    private var part = Part.header
    /// The piece of the image that is being taken, and how much of it is gone.
    private var piece = [UInt8](repeating: 0, count: Int(DeviceContent.blockSize))
    private var pieceLength = 0
    private var taken = 0
    /// How much of the first section is gone.
    private var firstTaken: UInt64 = 0

    private enum Part: Sendable {
        case header
        /// The next write of the first section.
        case first(UInt64)
        /// The next write that is not sent yet, and whether its header is.
        case dirty(UInt64, isHeaderSent: Bool)
        /// The next piece of the last section.
        case stopCopy(UInt64)
        case end
    }

    init(_ content: DeviceContent) {
        opened = content
    }

    /// Takes the next bytes of the image, as many as there are, up to a number; none at an end, be it
    /// temporary or real.
    mutating func take(
        into buffer: UnsafeMutableRawBufferPointer, _ content: DeviceContent, isStopped: Bool
    ) -> Int {
        var count = 0
        while count < buffer.count {
            if taken == pieceLength && !makePiece(content, isStopped: isStopped) { break }
            let length = min(pieceLength - taken, buffer.count - count)
            unsafe piece.withUnsafeBytes { bytes in
                unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
                    .copyMemory(from: .init(rebasing: bytes[taken..<taken + length]))
            }
            taken += length
            count += length
            if case .first = part { firstTaken += UInt64(length) }
        }
        return count
    }

    /// What is left of the first section, and of the dirtied blocks.
    func bytesLeft(_ content: DeviceContent) -> (initial: UInt64, dirty: UInt64) {
        let pending = UInt64(pieceLength - taken)
        switch part {
        case .header:
            return (opened.initialBytes, dirtyBytes(from: opened.writes, content))
        case .first:
            return (opened.initialBytes - firstTaken, dirtyBytes(from: opened.writes, content))
        case .dirty(let next, let isHeaderSent):
            let headerSent = isHeaderSent ? Self.dirtyHeaderLength : 0
            return (0, pending + dirtyBytes(from: next, content) - headerSent)
        case .stopCopy, .end:
            return (0, 0)
        }
    }

    private static let dirtyHeaderLength: UInt64 = 32

    private func dirtyBytes(from next: UInt64, _ content: DeviceContent) -> UInt64 {
        let blocks = min(content.writes - next, content.blockCount)
        return blocks * (Self.dirtyHeaderLength + DeviceContent.blockSize)
    }

    /// Makes the next piece of the image; false if there is none now.
    private mutating func makePiece(_ content: DeviceContent, isStopped: Bool) -> Bool {
        switch part {
        case .header:
            put(
                ImageFormat.header(
                    ImageFormat.imageMagic, opened.seed, opened.initialBytes,
                    opened.stopCopyBytes, opened.writes, opened.damage, count: 8))
            part = .first(opened.writes - opened.blockCount)
        case .first(let write) where write < opened.writes:
            putBlock(write)
            part = .first(write + 1)
        case .first:
            part = .dirty(opened.writes, isHeaderSent: false)
            return makePiece(content, isStopped: isStopped)
        case .dirty(let write, isHeaderSent: true):
            putBlock(write)
            part = .dirty(write + 1, isHeaderSent: false)
        case .dirty(let next, isHeaderSent: false) where next < content.writes:
            // Of several writes to one block only the latest counts.
            let write = max(next, content.writes - content.blockCount)
            put(ImageFormat.header(ImageFormat.dirtyMagic, write, count: 4))
            part = .dirty(write, isHeaderSent: true)
        case .dirty:
            guard isStopped else { return false }
            put(ImageFormat.header(ImageFormat.stopCopyMagic, content.writes, count: 8))
            part = .stopCopy(0)
        case .stopCopy(let number):
            let length = content.lengthOfStopCopyPiece(number)
            guard length > 0 else {
                part = .end
                return false
            }
            fill(length, key: content.key(ofStopCopyPiece: number))
            part = .stopCopy(number + 1)
        case .end:
            return false
        }
        return true
    }

    private mutating func put(_ bytes: [UInt8]) {
        piece.replaceSubrange(0..<bytes.count, with: bytes)
        pieceLength = bytes.count
        taken = 0
    }

    private mutating func putBlock(_ write: UInt64) {
        fill(opened.blockLength(ofWrite: write), key: opened.key(ofWrite: write))
    }

    private mutating func fill(_ length: Int, key: UInt64) {
        BlockGenerator.fill(&piece, length, key: key)
        pieceLength = length
        taken = 0
    }
}
