import Digests
import Glibc
import HTTPClient
import SystemCalls
import SystemPackage

/// A saved image on its way into a device.
final class ImageSource: UploadSource {
    private let file: OwnedFileDescriptor
    private let progress: (UInt64) -> Void
    private var bytes: UInt64 = 0
    /// Why it broke off, if it did.
    private(set) var failure: Failure?

    /// - Parameter progress: hears how many bytes were read.
    init(_ path: FilePath, progress: @escaping (UInt64) -> Void) throws(Failure) {
        self.progress = progress
        file = try doing("opening \(path)") { () throws(Errno) in
            try OwnedFileDescriptor(opening: path, flags: O_RDONLY)
        }
    }

    func next(into buffer: inout OutputRawSpan, watch: ConnectionWatch) -> UploadStep {
        do throws(Errno) {
            let count = try file.read(into: &buffer, upTo: buffer.freeCapacity)
            bytes += UInt64(count)
            progress(bytes)
            return count > 0 ? .bytes : .end
        } catch {
            failure = Failure(doing: "reading the image", error)
            return .broken
        }
    }

    /// Reads all of it.
    func digest(
        _ check: () throws(Failure) -> Void
    ) throws(Failure) -> (bytes: UInt64, sha256: SHA256Digest) {
        var digest = SHA256()
        while true {
            try check()
            let piece = try doing("reading the image") { () throws(Errno) in
                try file.read(upTo: 1 << 20)
            }
            if piece.isEmpty { return (bytes, digest.digest) }
            unsafe digest.update(piece.span.bytes)
            bytes += UInt64(piece.count)
            progress(bytes)
        }
    }
}
