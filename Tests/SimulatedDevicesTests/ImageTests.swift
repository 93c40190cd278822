import Devices
import MigrationModel
import SystemPackage
import TestSupport
import Testing

@testable import SimulatedDevices

@Suite("The image of a simulated device")
struct ImageTests {
    @Test(
        "has exactly the length of its two sections",
        arguments: [(64, 64), (65, 64), (64, 65), (4160, 4160), (10_000, 64), (1 << 20, 123_457)])
    func length(_ initial: Int, _ stopCopy: Int) throws {
        let rig = Rig {
            $0.initialBytes = UInt64(initial)
            $0.stopCopyBytes = UInt64(stopCopy)
        }
        let device = try rig.open()
        let file = try #require(try device.take(to: .preCopy))
        #expect(try file.precopyInfo().initialBytes == UInt64(initial))
        #expect(try device.stopCopyLength() == UInt64(initial + stopCopy))
        #expect(try file.drained(in: .preCopy).count == initial)
        try device.take(to: .stopCopy)
        #expect(try file.drained(in: .stopCopy).count == stopCopy)
    }

    @Test("is delivered whole where the device stops without pre-copy")
    func withoutPreCopy() throws {
        let rig = Rig()
        let device = try rig.open()
        let file = try #require(try device.take(to: .stopCopy))
        #expect(try file.drained(in: .stopCopy).count == 110_000)
    }

    @Test("brings dirtied blocks again on top, the latest form of each alone")
    func dirtying() throws {
        let rig = Rig { $0.dirtyBytesPerSecond = 40_960 }
        let device = try rig.open()
        let file = try #require(try device.take(to: .preCopy))
        #expect(try file.drained(in: .preCopy).count == 100_000)
        rig.clock.pass(.seconds(1))
        #expect(try file.precopyInfo().dirtyBytes == 10 * (4096 + 32))
        #expect(try file.drained(in: .preCopy).count == 10 * (4096 + 32))
        // More than the whole state was dirtied: no more than the whole state is sent again.
        rig.clock.pass(.seconds(100))
        let blocks: UInt64 = (100_000 - 64 + 4095) / 4096
        #expect(try file.precopyInfo().dirtyBytes == blocks * (4096 + 32))
    }

    @Test("puts the source's state into the destination, dirtied blocks included")
    func checksum() throws {
        let source = Rig {
            $0.dirtyBytesPerSecond = 100_000
            $0.seed = 7
        }
        let destination = Rig { $0.seed = 8 }
        let from = try source.open()
        let to = try destination.open()
        source.clock.pass(.seconds(3))
        let saving = try #require(try from.take(to: .preCopy))
        var image: [UInt8] = []
        for _ in 0..<5 {
            image += try saving.drained(in: .preCopy)
            source.clock.pass(.milliseconds(700))
        }
        try from.take(to: .stopCopy)
        image += try saving.drained(in: .stopCopy)
        let before = to.identity.stateChecksum
        let resuming = try #require(try to.take(to: .resuming))
        try resuming.writeAll(image)
        try to.take(to: .running)
        #expect(from.identity.stateChecksum != nil)
        #expect(to.identity.stateChecksum == from.identity.stateChecksum)
        #expect(to.identity.stateChecksum != before)
        // And it can go on from there: the destination's own image says the same.
        let third = try Rig().open()
        let onward = try #require(try to.take(to: .stopCopy))
        let next = try #require(try third.take(to: .resuming))
        try next.writeAll(try onward.drained(in: .stopCopy))
        try third.take(to: .stop)
        #expect(third.identity.stateChecksum == from.identity.stateChecksum)
    }

    @Test("leaves its mark where a byte of it was changed", arguments: [70, 5000, 99_999, 100_100])
    func damage(_ place: Int) throws {
        let from = try Rig().open()
        let to = try Rig().open()
        let saving = try #require(try from.take(to: .stopCopy))
        var image = try saving.drained(in: .stopCopy)
        image[place] ^= 1
        let resuming = try #require(try to.take(to: .resuming))
        try resuming.writeAll(image)
        try to.take(to: .running)
        #expect(to.identity.stateChecksum != from.identity.stateChecksum)
    }

    @Test("is refused where a header was changed", arguments: [0, 20, 63, 100_000, 100_063])
    func damagedHeader(_ place: Int) throws {
        let from = try Rig().open()
        let to = try Rig().open()
        let saving = try #require(try from.take(to: .stopCopy))
        var image = try saving.drained(in: .stopCopy)
        image[place] ^= 1
        let resuming = try #require(try to.take(to: .resuming))
        #expect(failure { try resuming.writeAll(image) } == .invalidArgument)
        // Refused for good, whatever comes afterwards.
        #expect(failure { try resuming.writeAll([0]) } == .invalidArgument)
        #expect(failure { try to.take(to: .stop) } == .invalidArgument)
    }

    @Test("is refused where a piece in the middle is missing")
    func hole() throws {
        let source = Rig { $0.dirtyBytesPerSecond = 100_000 }
        let from = try source.open()
        let saving = try #require(try from.take(to: .preCopy))
        let first = try saving.drained(in: .preCopy)
        source.clock.pass(.seconds(1))
        _ = try saving.piece(upTo: 4096 + 32, in: .preCopy)
        let rest = try saving.drained(in: .preCopy)
        try from.take(to: .stopCopy)
        let last = try saving.drained(in: .stopCopy)
        let to = try Rig().open()
        let resuming = try #require(try to.take(to: .resuming))
        #expect(failure { try resuming.writeAll(first + rest + last) } == .invalidArgument)
    }

    @Test("of tens of gigabytes takes no memory, and begins at once")
    func hugeImage() throws {
        let rig = Rig {
            $0.initialBytes = 64 << 30
            $0.stopCopyBytes = 32 << 30
        }
        let device = try rig.open()
        let file = try #require(try device.take(to: .preCopy))
        #expect(try file.piece(upTo: 1 << 20, in: .preCopy).outcome == .bytes(1 << 20))
        #expect(try file.precopyInfo().initialBytes == (64 << 30) - (1 << 20))
        #expect(device.identity.stateChecksum == nil)
    }

    @Test("does not compress")
    func incompressible() throws {
        let device = try Rig { $0.initialBytes = 4 << 20 }.open()
        let file = try #require(try device.take(to: .stopCopy))
        let image = try file.drained(in: .stopCopy)
        // Every byte value about equally often, and no eight bytes twice.
        var counts = [Int](repeating: 0, count: 256)
        for byte in image { counts[Int(byte)] += 1 }
        let expected = image.count / 256
        #expect(counts.allSatisfy { abs($0 - expected) < expected / 10 })
        let words = image.withUnsafeBytes { bytes in
            Set(
                stride(from: 64, to: bytes.count - 8, by: 8).map { place in
                    bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                })
        }
        #expect(words.count > image.count / 8 - 64)
    }

    @Test("is the same on every host: the bytes of a block are pinned")
    func goldenBytes() {
        var block = [UInt8](repeating: 0, count: 80)
        BlockGenerator.fill(&block, 77, key: 1)
        #expect(Array(block.prefix(8)) == [56, 72, 111, 203, 139, 101, 116, 114])
        #expect(
            Array(block[64..<77]) == [
                168, 152, 124, 223, 134, 74, 135, 210, 175, 239, 204, 217, 89,
            ])
    }
}
