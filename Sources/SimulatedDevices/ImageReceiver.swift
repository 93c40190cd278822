internal import Glibc
internal import SystemPackage

/// Takes an image in, and compares every byte of it with what its headers say it must be.
///
/// Bytes inside a block that differ are taken, as a device takes them, and leave their mark in the
/// content's ``DeviceContent/damage``. What is no image at all is refused: `EINVAL` for a header that
/// is none or blocks that are missing, `ENOMEM` for bytes beyond the end.
struct ImageReceiver: Sendable {
    private var part = Part.header
    private var content: DeviceContent?
    /// A header on its way, or the block that is expected, and how much of it has come.
    private var piece = [UInt8](repeating: 0, count: Int(DeviceContent.blockSize))
    private var pieceLength = 64
    private var arrived = 0
    /// How much of the image has come.
    private var position: UInt64 = 0
    /// The dirtied blocks that came without a gap up to the last one: writes from ... to.
    private var run: Range<UInt64> = 0..<0

    private enum Part: Sendable {
        case header
        case first(UInt64)
        case tag
        case dirtyHeader
        case dirtyBlock(UInt64)
        case stopCopyHeader
        case stopCopy(UInt64)
        case end

        var isHeader: Bool {
            switch self {
            case .header, .tag, .dirtyHeader, .stopCopyHeader: true
            case .first, .dirtyBlock, .stopCopy, .end: false
            }
        }
    }

    /// What was loaded; nil before the whole image is here.
    var loaded: DeviceContent? {
        if case .end = part { content } else { nil }
    }

    /// Takes bytes in, all of them or, with an error, none.
    mutating func take(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
        var next = self
        var offset = 0
        while offset < bytes.count {
            if case .end = next.part { throw .noMemory }
            let length = min(next.pieceLength - next.arrived, bytes.count - offset)
            unsafe next.arrive(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length]))
            offset += length
            if next.arrived == next.pieceLength { try next.finishPiece() }
        }
        self = next
    }

    private mutating func arrive(_ bytes: UnsafeRawBufferPointer) {
        let place = arrived..<arrived + bytes.count
        if part.isHeader {
            unsafe piece.replaceSubrange(place, with: bytes)
        } else if unsafe !isExpected(bytes) {
            var damage = content?.damage ?? 0
            for index in 0..<bytes.count where unsafe piece[arrived + index] != bytes[index] {
                damage = unsafe BlockGenerator.mixed(
                    damage, position + UInt64(index), UInt64(bytes[index]))
            }
            content?.damage = damage
        }
        arrived = place.upperBound
        position += UInt64(bytes.count)
    }

    private func isExpected(_ bytes: UnsafeRawBufferPointer) -> Bool {
        unsafe piece.withUnsafeBytes { expected in
            guard let wanted = expected.baseAddress, let come = bytes.baseAddress else {
                return true
            }
            return unsafe memcmp(wanted + arrived, come, bytes.count) == 0
        }
    }

    private mutating func finishPiece() throws(Errno) {
        switch part {
        case .header: try begin()
        case .first(let write): expectFirst(write + 1)
        case .tag:
            let isDirty = piece.prefix(8).elementsEqual(dirtyTag)
            part = isDirty ? .dirtyHeader : .stopCopyHeader
            pieceLength = isDirty ? 32 : 64
        case .dirtyHeader: try beginDirtyBlock()
        case .dirtyBlock: expectTag()
        case .stopCopyHeader: try beginStopCopy()
        case .stopCopy(let number): expectStopCopy(number + 1)
        case .end: break
        }
    }

    private mutating func begin() throws(Errno) {
        guard let numbers = ImageFormat.numbers(piece.prefix(64), magic: ImageFormat.imageMagic),
            let content = DeviceContent(imageHeader: numbers)
        else { throw .invalidArgument }
        self.content = content
        run = content.writes..<content.writes
        expectFirst(content.writes - content.blockCount)
    }

    private mutating func expectFirst(_ write: UInt64) {
        guard let content, write < content.writes else { return expectTag() }
        part = .first(write)
        expect(content.blockLength(ofWrite: write), key: content.key(ofWrite: write))
    }

    private mutating func expectTag() {
        part = .tag
        pieceLength = 8
        arrived = 0
    }

    private mutating func beginDirtyBlock() throws(Errno) {
        guard let content, content.blockCount > 0,
            let numbers = ImageFormat.numbers(piece.prefix(32), magic: ImageFormat.dirtyMagic),
            numbers[1] >= run.upperBound, numbers[1] < .max
        else { throw .invalidArgument }
        let write = numbers[1]
        run = (write == run.upperBound ? run.lowerBound : write)..<write + 1
        part = .dirtyBlock(write)
        expect(content.blockLength(ofWrite: write), key: content.key(ofWrite: write))
    }

    private mutating func beginStopCopy() throws(Errno) {
        guard var content,
            let numbers = ImageFormat.numbers(piece.prefix(64), magic: ImageFormat.stopCopyMagic)
        else { throw .invalidArgument }
        // Every block that was dirtied since the session opened must have come in its latest form.
        let writes = numbers[1]
        guard run.upperBound == writes,
            run.lowerBound <= max(content.writes, writes - content.blockCount)
        else { throw .invalidArgument }
        content.writes = writes
        self.content = content
        expectStopCopy(0)
    }

    private mutating func expectStopCopy(_ number: UInt64) {
        let length = content?.lengthOfStopCopyPiece(number) ?? 0
        guard let content, length > 0 else {
            part = .end
            return
        }
        part = .stopCopy(number)
        expect(length, key: content.key(ofStopCopyPiece: number))
    }

    private mutating func expect(_ length: Int, key: UInt64) {
        BlockGenerator.fill(&piece, length, key: key)
        pieceLength = length
        arrived = 0
    }

    private var dirtyTag: some Sequence<UInt8> {
        (0..<8).map { UInt8(truncatingIfNeeded: ImageFormat.dirtyMagic >> UInt64($0 * 8)) }
    }
}
