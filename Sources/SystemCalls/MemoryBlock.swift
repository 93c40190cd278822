internal import Glibc
public import SystemPackage

// SAFETY: the pointer is valid from `init` to `deinit` and never leaves this type; who fills a part of
// the block keeps everybody else out of it until it is filled.

/// Memory in whole pages, given back to the kernel when its last owner goes.
///
/// Not the heap's: what a stream leaves behind there would stay resident.
@safe public final class MemoryBlock: Sendable {
    private nonisolated(unsafe) let start: UnsafeMutableRawPointer
    /// Its size in bytes.
    public let count: Int

    /// A block of zeros, which costs no memory before it is filled.
    ///
    /// Corresponds to mmap(2). `ENOMEM`: the process may have no more.
    public init(count: Int) throws(Errno) {
        guard
            let start = unsafe mmap(
                nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            unsafe start != MAP_FAILED
        else { throw .noMemory }
        unsafe self.start = start
        self.count = count
    }

    deinit {
        unsafe munmap(start, count)
    }

    /// Has a part of the block filled from its beginning on.
    public func fill<Result>(
        _ range: Range<Int>, _ body: (inout OutputRawSpan) -> Result
    ) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        let part = unsafe UnsafeMutableRawBufferPointer(
            start: start + range.lowerBound, count: range.count)
        var span = unsafe OutputRawSpan(buffer: part, initializedCount: 0)
        return body(&span)
    }

    /// Shows a part of the block that is filled.
    public func read<Result>(_ range: Range<Int>, _ body: (RawSpan) -> Result) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        let part = unsafe UnsafeRawBufferPointer(
            start: start + range.lowerBound, count: range.count)
        return body(unsafe part.bytes)
    }

    /// Copies bytes to the beginning of the block.
    public func copy(_ bytes: RawSpan) {
        precondition(bytes.byteCount <= count)
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe UnsafeMutableRawBufferPointer(start: start, count: count).copyMemory(from: bytes)
        }
    }
}
