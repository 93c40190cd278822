public import Devices
public import MigrationModel
public import SystemPackage

extension MigrationDataFile {
    /// Reads one piece, and what it means.
    public func piece(
        upTo count: Int, in state: MigrationState
    ) throws(DeviceError) -> (bytes: [UInt8], outcome: ReadOutcome) {
        var result: Result<ReadOutcome, DeviceError> = .success(.drained)
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
            var span = OutputRawSpan(
                buffer: UnsafeMutableRawBufferPointer(buffer), initializedCount: 0)
            do throws(DeviceError) {
                result = .success(try read(into: &span, upTo: count, begunIn: state))
            } catch {
                result = .failure(error)
            }
            used = span.byteCount
        }
        return (bytes, try result.get())
    }

    /// Reads until nothing comes any more, and answers how that was said.
    public func drain(
        pieces count: Int = 4096, in state: MigrationState
    ) throws(DeviceError) -> (bytes: [UInt8], end: ReadOutcome) {
        var all: [UInt8] = []
        while true {
            let (bytes, outcome) = try piece(upTo: count, in: state)
            guard case .bytes = outcome else { return (all, outcome) }
            all += bytes
        }
    }

    /// Reads until nothing comes any more.
    public func drained(in state: MigrationState) throws(DeviceError) -> [UInt8] {
        try drain(pieces: 1 << 16, in: state).bytes
    }

    /// Writes all bytes in pieces.
    public func writeAll(_ bytes: [UInt8], pieces count: Int = 4096) throws(DeviceError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(count))
            rest = rest.dropFirst(try write(piece.span.bytes))
        }
    }
}

/// The errno that a call to a device fails with; nil if it does not fail.
public func failure(_ body: () throws -> Void) -> Errno? {
    do {
        try body()
        return nil
    } catch {
        return (error as? DeviceError)?.errno
    }
}

extension DeviceIdentifier {
    /// An identifier that is known to be one.
    public static func named(_ text: String) -> DeviceIdentifier {
        guard let id = DeviceIdentifier(text) else { preconditionFailure("'\(text)' is no id") }
        return id
    }
}
