internal import Devices

/// The state inside a simulated device, described instead of held: tens of gigabytes take no memory.
///
/// It is a log of block writes, of which the last one to every block counts. Write `w` goes to block
/// `w % blockCount` and puts bytes there that follow from the seed and `w` alone. So a seed and the
/// number of writes say what every byte is; dirtying the device adds a write.
struct DeviceContent: Hashable, Sendable {
    let seed: UInt64
    /// The length of the image's first section, header included.
    let initialBytes: UInt64
    /// The length of its last section, header included.
    let stopCopyBytes: UInt64
    /// How many block writes there were, the first of every block included.
    var writes: UInt64
    /// What was loaded and was not what the source had, folded into one number; 0 if nothing.
    var damage: UInt64 = 0

    /// The size of a block, and of the unit in which a device is dirtied.
    static let blockSize: UInt64 = 4096

    init(seed: UInt64, initialBytes: UInt64, stopCopyBytes: UInt64) {
        self.seed = seed
        self.initialBytes = initialBytes
        self.stopCopyBytes = stopCopyBytes
        writes = 0
        writes = blockCount
    }

    /// The content that the numbers of an image's header describe; nil where they make no sense.
    init?(imageHeader numbers: [UInt64]) {
        let sections = SimulationPlan.smallestSection...SimulationPlan.largestSection
        guard sections.contains(numbers[2]), sections.contains(numbers[3]) else { return nil }
        self.init(seed: numbers[1], initialBytes: numbers[2], stopCopyBytes: numbers[3])
        guard numbers[4] >= blockCount, numbers[4] < .max / 2 else { return nil }
        writes = numbers[4]
        damage = numbers[5]
    }

    init(_ plan: SimulationPlan) {
        self.init(
            seed: plan.seed, initialBytes: plan.initialBytes, stopCopyBytes: plan.stopCopyBytes)
    }

    /// How many blocks the first section has behind its header.
    var blockCount: UInt64 {
        (initialBytes - SimulationPlan.smallestSection + Self.blockSize - 1) / Self.blockSize
    }

    /// The length of the block that a write goes to: the last one may be shorter.
    func blockLength(ofWrite write: UInt64) -> Int {
        let start = (write % blockCount) * Self.blockSize
        let end = initialBytes - SimulationPlan.smallestSection
        return Int(min(Self.blockSize, end - start))
    }

    /// What the bytes of a write follow from.
    func key(ofWrite write: UInt64) -> UInt64 {
        BlockGenerator.mixed(seed, write)
    }

    /// The length of a piece of the last section behind its header; 0 beyond the last piece.
    func lengthOfStopCopyPiece(_ number: UInt64) -> Int {
        let total = stopCopyBytes - SimulationPlan.smallestSection
        let start = number * Self.blockSize
        return start < total ? Int(min(Self.blockSize, total - start)) : 0
    }

    /// What the bytes of a piece of the last section follow from.
    func key(ofStopCopyPiece piece: UInt64) -> UInt64 {
        BlockGenerator.mixed(seed, writes, piece, 0x5354_4f50)
    }

    /// A digest of the whole state: equal exactly when every byte is.
    var checksum: String {
        let number = BlockGenerator.mixed(seed, initialBytes, stopCopyBytes, writes, damage)
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
