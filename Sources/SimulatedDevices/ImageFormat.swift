/// The image of a simulated device.
///
/// | part | bytes |
/// |---|---|
/// | first section | ``ImageHeader`` (64), then every block once, oldest write first |
/// | dirtied blocks, any number of them | ``DirtyHeader`` (32), then the block |
/// | last section | ``StopCopyHeader`` (64), then bytes in pieces of a block's size |
///
/// Numbers are little-endian. Each header ends in a number mixed from those before it.
enum ImageFormat {
    static let imageMagic: UInt64 = 0x4d49_5359_5252_4546
    static let dirtyMagic: UInt64 = 0x5954_5249_4459_5246
    static let stopCopyMagic: UInt64 = 0x504f_5453_5952_5246

    /// The bytes of a header of so many numbers, the last of them the check.
    static func header(_ numbers: UInt64..., count: Int) -> [UInt8] {
        header(numbers, count: count)
    }

    /// The same, of a list.
    static func header(_ numbers: [UInt64], count: Int) -> [UInt8] {
        var words = numbers + [UInt64](repeating: 0, count: count - 1 - numbers.count)
        words.append(check(words[...]))
        return words.flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) }
        }
    }

    /// The numbers of a header; nil if it is not one.
    static func numbers(_ header: some Sequence<UInt8>, magic: UInt64) -> [UInt64]? {
        var words: [UInt64] = []
        for (index, byte) in header.enumerated() {
            if index % 8 == 0 { words.append(0) }
            words[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        }
        guard words.first == magic, words.last == check(words.dropLast()) else { return nil }
        return words
    }

    private static func check(_ words: ArraySlice<UInt64>) -> UInt64 {
        words.reduce(0) { BlockGenerator.mixed($0 ^ BlockGenerator.mixed($1)) }
    }
}
