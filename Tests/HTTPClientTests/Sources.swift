import HTTPClient
import SystemCalls
import SystemPackage

/// What the bytes of a test's body are: a period that fits no buffer's size.
enum Pattern {
    static let period = 1_048_573
    static let bytes: [UInt8] = {
        var bytes = (0..<period).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        bytes += bytes
        return bytes
    }()
}

/// The pattern, up to a length or for ever, in pieces that are at most so large.
final class PatternSource: UploadSource {
    private(set) var offset = 0
    private let length: Int
    private let piece: Int

    init(_ length: Int, piece: Int = Pattern.period) {
        self.length = length
        self.piece = piece
    }

    func next(into buffer: inout OutputRawSpan, watch: ConnectionWatch) -> UploadStep {
        let count = min(piece, buffer.freeCapacity, length - offset)
        if count == 0 { return .end }
        let start = offset % Pattern.period
        let pattern = Pattern.bytes
        buffer.append(pattern.span.bytes.extracting(start..<start + count))
        offset += count
        return .bytes
    }
}

/// Some bytes, then nothing for as long as the connection holds.
final class WaitingSource: UploadSource {
    /// How often the watch has ended the wait; the second time may not come.
    private(set) var wakes = 0
    var endAfterWake = false
    private let never: EventDescriptor
    /// Signalled when there is nothing to send any more.
    let waits: EventDescriptor
    private var first: Int

    init(after first: Int = 1000) throws {
        self.first = first
        never = try EventDescriptor()
        waits = try EventDescriptor()
    }

    func next(into buffer: inout OutputRawSpan, watch: ConnectionWatch) -> UploadStep {
        if first > 0 {
            let count = min(first, buffer.freeCapacity)
            for _ in 0..<count { buffer.append(0x78) }
            first -= count
            return .bytes
        }
        if wakes > 0 && endAfterWake { return .end }
        waits.signal()
        if watch.wait(for: never, timeout: .seconds(20)) == .gone { wakes += 1 }
        return .broken
    }
}

/// Breaks off after some bytes.
final class BreakingSource: UploadSource {
    private var first = 100

    func next(into buffer: inout OutputRawSpan, watch: ConnectionWatch) -> UploadStep {
        defer { first = 0 }
        for _ in 0..<first { buffer.append(0x78) }
        return first > 0 ? .bytes : .broken
    }
}
