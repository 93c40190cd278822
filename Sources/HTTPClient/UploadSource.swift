public import SystemCalls

/// Where the bytes of an upload come from.
public protocol UploadSource: AnyObject {
    /// Appends the next bytes, as many as there are and fit.
    ///
    /// Blocks until there are some. Its connection's watch ends when the peer has gone, has answered
    /// early or the client was cut: then the source gives up with ``UploadStep/broken``, and is asked
    /// again if the connection proves to be well.
    ///
    /// - Parameter buffer: empty; its capacity is curl's choice, between 1 KiB and 2 MiB.
    func next(into buffer: inout OutputRawSpan, watch: ConnectionWatch) -> UploadStep
}

/// What comes next in an upload.
public enum UploadStep: Sendable {
    /// At least one byte was appended.
    case bytes
    /// The body ends here, whole.
    case end
    /// The body breaks off: the connection closes without the last chunk, so that the peer sees it.
    case broken
}

extension OutputRawSpan {
    /// Appends a copy of some bytes, for which there has to be room.
    public mutating func append(_ bytes: RawSpan) {
        unsafe withUnsafeMutableBytes { memory, count in
            unsafe bytes.withUnsafeBytes { bytes in
                unsafe UnsafeMutableRawBufferPointer(rebasing: memory[count...])
                    .copyMemory(from: bytes)
                count += bytes.count
            }
        }
    }
}
