internal import Glibc
public import SystemPackage

/// Files that have to outlive their writer.
extension OwnedFileDescriptor {
    /// Opens a file for reading and writing that only its owner may open.
    ///
    /// Corresponds to open(2) with `O_CREAT`, and `O_EXCL` where the file is to be a new one:
    /// `EEXIST` then if it is not.
    public init(creating path: FilePath, isNew: Bool = true) throws(Errno) {
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | (isNew ? O_EXCL : 0)
        self.init(owning: try call(on: path) { unsafe open($0, flags, 0o600) })
    }

    /// Opens a file that is there for reading and writing.
    public init(updating path: FilePath) throws(Errno) {
        try self.init(opening: path, flags: O_RDWR)
    }

    /// Writes all of some bytes at a place.
    ///
    /// Corresponds to pwrite(2). `ENOSPC`, `EDQUOT`: there is no room for them; some may be written.
    public func writeAll(_ bytes: [UInt8], at offset: UInt64) throws(Errno) {
        var written = 0
        while written < bytes.count {
            let number = self.number
            written += try call {
                unsafe bytes.withUnsafeBytes { bytes in
                    unsafe pwrite(
                        number, bytes.baseAddress?.advanced(by: written), bytes.count - written,
                        off_t(offset) + off_t(written))
                }
            }
        }
    }

    /// Reads from where the file stands to its end, or to a bound.
    public func readAll(upTo limit: Int) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let piece = try read(upTo: limit - bytes.count)
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    /// Puts what was written on the disk. Corresponds to fdatasync(2). Blocks as long as the disk does.
    public func syncData() throws(Errno) {
        try call { fdatasync(number) }
    }

    /// Takes the file's lock, which goes with the last descriptor of this open file.
    ///
    /// Corresponds to flock(2) with `LOCK_EX` and `LOCK_NB`. `EWOULDBLOCK`: somebody has it.
    public func lockExclusively() throws(Errno) {
        try call { flock(number, LOCK_EX | LOCK_NB) }
    }
}
