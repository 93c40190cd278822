internal import SystemCalls
internal import SystemPackage

/// What was read from a saving session's data fd and is kept: first to be sent, then to be sent again.
///
/// A ring of blocks over the image, each filled in place by a read and sent from where it is. The
/// oldest one is filled anew once everything in it has been sent and is further back than the window
/// promises; until then there is no room, and the device is not read.
///
/// ```
///  earliest        a reader     sent        read
///     |               |           |           |
///     [ kept, to be sent again ...][ not sent yet ]
/// ```
struct ReplayWindow: Sendable {
    /// How much of the image a block holds: framed as a chunk of HTTP it is 1 MiB on the wire.
    static let blockLength = (1 << 20) - 9
    // Bytes in front of the image's: a copy is several times slower where source and destination are
    // a few bytes off the same place in a page.
    private static let margin = 64
    /// Blocks beyond those that the window fills: one that is sent, one that is filled, one between.
    private static let lead = 3

    /// How many bytes before the first one that was never sent can be had again.
    let length: UInt64
    private let mostBlocks: Int
    private var blocks: [MemoryBlock] = []
    /// The place of the first block among all blocks of the image.
    private var firstNumber: UInt64 = 0
    /// How much of the image was read from the device.
    private(set) var readOffset: UInt64 = 0
    /// How much of it was sent, or begun to be sent.
    private(set) var sentOffset: UInt64 = 0

    /// Keeps at least so many bytes that were sent.
    init(length: UInt64) {
        self.length = length
        mostBlocks = Int(clamping: length / UInt64(Self.blockLength)) + Self.lead
    }

    /// The first byte that can still be had.
    var earliest: UInt64 {
        max(
            firstNumber * UInt64(Self.blockLength), sentOffset > length ? sentOffset - length : 0)
    }

    /// Where the next bytes of the image go, while a reader stands somewhere; nil if there is no room.
    ///
    /// `ENOMEM`: there is no memory for another block.
    mutating func place(readerAt reader: UInt64) throws(Errno) -> (MemoryBlock, Range<Int>)? {
        let (number, used) = readOffset.quotientAndRemainder(dividingBy: UInt64(Self.blockLength))
        if number == firstNumber + UInt64(blocks.count) {
            if blocks.count < mostBlocks {
                blocks.append(try MemoryBlock(count: Self.margin + Self.blockLength))
            } else {
                let end = (firstNumber + 1) * UInt64(Self.blockLength)
                guard end + length <= sentOffset, end <= reader else { return nil }
                blocks.append(blocks.removeFirst())
                firstNumber += 1
            }
        }
        return (
            blocks[Int(number - firstNumber)],
            Self.margin + Int(used)..<Self.margin + Self.blockLength
        )
    }

    /// So many bytes have come to the place that was given last.
    mutating func filled(_ count: Int) {
        readOffset += UInt64(count)
    }

    /// What is there from an offset on, in one block and not more than asked; nil if there is nothing.
    func piece(at offset: UInt64, upTo limit: Int) -> (MemoryBlock, Range<Int>)? {
        guard offset >= earliest, offset < readOffset, limit > 0 else { return nil }
        let (number, start) = offset.quotientAndRemainder(dividingBy: UInt64(Self.blockLength))
        let first = Self.margin + Int(start)
        let room = min(limit, Self.blockLength - Int(start), Int(clamping: readOffset - offset))
        return (blocks[Int(number - firstNumber)], first..<first + room)
    }

    /// Everything up to an offset is on its way to a client.
    mutating func sent(to offset: UInt64) {
        sentOffset = max(sentOffset, offset)
    }
}
