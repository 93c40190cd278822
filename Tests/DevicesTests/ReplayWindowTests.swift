import SystemCalls
import Testing

@testable import Devices

@Suite("The replay window")
struct ReplayWindowTests {
    private let block = UInt64(ReplayWindow.blockLength)

    /// Fills the window as far as it has room; each filling has a byte of its own.
    private func fill(
        _ window: inout ReplayWindow, to end: UInt64, readerAt reader: UInt64 = .max
    ) throws {
        while window.readOffset < end, let (memory, range) = try window.place(readerAt: reader) {
            let count = min(range.count, Int(end - window.readOffset))
            let mark = Self.mark(of: window.readOffset + UInt64(count) - 1)
            memory.fill(range) { $0.append(repeating: mark, count: count, as: UInt8.self) }
            window.filled(count)
        }
    }

    private static func mark(of last: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: last / 4096)
    }

    /// Everything from an offset on is there, and its end is what was read last.
    private func check(_ window: ReplayWindow, from start: UInt64) {
        var offset = start
        while offset < window.readOffset {
            guard let (_, range) = window.piece(at: offset, upTo: 70_001) else {
                Issue.record("nothing at \(offset)")
                return
            }
            offset += UInt64(range.count)
        }
        guard let (memory, range) = window.piece(at: offset - 1, upTo: 10) else {
            Issue.record("nothing at \(offset - 1)")
            return
        }
        let last = memory.read(range) { $0.unsafeLoad(as: UInt8.self) }
        #expect(range.count == 1 && last == Self.mark(of: offset - 1))
    }

    @Test("gives what came, in pieces that stay in a block")
    func pieces() throws {
        var window = ReplayWindow(length: 0)
        #expect(window.piece(at: 0, upTo: 10) == nil)
        try fill(&window, to: block + 100)
        check(window, from: 0)
        #expect(window.piece(at: block - 3, upTo: 100)?.1.count == 3)
        #expect(window.piece(at: block, upTo: 1000)?.1.count == 100)
        #expect(window.piece(at: block + 100, upTo: 1) == nil)
    }

    @Test("has no room while what it holds was not sent")
    func room() throws {
        var window = ReplayWindow(length: 0)
        try fill(&window, to: 100 * block)
        let full = window.readOffset
        #expect(full == 3 * block)
        window.sent(to: block - 1)
        #expect(try window.place(readerAt: block - 1) == nil)
        window.sent(to: block)
        // Sent, but a reader still stands in it.
        #expect(try window.place(readerAt: block - 1) == nil)
        #expect(try window.place(readerAt: block) != nil)
        check(window, from: block)
    }

    @Test("gives a block up at the very byte that is not promised any more")
    func edge() throws {
        var window = ReplayWindow(length: 10)
        try fill(&window, to: 100 * block)
        window.sent(to: block + 9)
        #expect(try window.place(readerAt: block + 9) == nil)
        window.sent(to: block + 10)
        #expect(try window.place(readerAt: block + 10) != nil)
        check(window, from: block)
    }

    @Test(
        "keeps what it promises, not less and not forever",
        arguments: [0, 1, 1000, 1 << 20, (1 << 20) - 9, 3 << 20, 5_000_000] as [UInt64])
    func promise(_ length: UInt64) throws {
        var window = ReplayWindow(length: length)
        for step in 1...40 as ClosedRange<UInt64> {
            try fill(
                &window, to: window.sentOffset + 1 + step * 77_777, readerAt: window.sentOffset)
            window.sent(to: window.readOffset)
            let promised = window.sentOffset - min(length, window.sentOffset)
            #expect(window.earliest == promised)
            if length > 0 { check(window, from: promised) }
            if promised > 0 { #expect(window.piece(at: promised - 1, upTo: 1) == nil) }
        }
    }

    @Test("never goes back when a part is sent again")
    func replay() throws {
        var window = ReplayWindow(length: 10 * block)
        try fill(&window, to: 2 * block)
        window.sent(to: 2 * block)
        window.sent(to: block)
        #expect(window.sentOffset == 2 * block)
        #expect(window.earliest == 0)
    }
}
