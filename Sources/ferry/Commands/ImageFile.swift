import Digests
import HTTPClient
import SystemCalls
import SystemPackage

/// A device's image on its way into a file, which is there whole or not at all.
final class ImageFile: DownloadSink, Sendable {
    private let path: FilePath
    private let temporaryPath: FilePath
    private let file: OwnedFileDescriptor
    private let state = Locked(State())

    private struct State: Sendable {
        var bytes: UInt64 = 0
        var digest = SHA256()
        var error: Errno?
    }

    /// Opens it under another name. What is there already is somebody's, and is left alone.
    init(creating path: FilePath) throws(Failure) {
        let temporaryPath = path.suffixed(".partial")
        self.path = path
        self.temporaryPath = temporaryPath
        for taken in [path, path.suffixed(".json")] where Files.exists(taken) {
            throw Failure(explanation: "\(taken) is there already")
        }
        file = try doing("creating \(temporaryPath)") { () throws(Errno) in
            try OwnedFileDescriptor(creating: temporaryPath)
        }
    }

    var bytes: UInt64 { state.withLock { $0.bytes } }

    /// Of what has come so far.
    var sha256: SHA256Digest { state.withLock { $0.digest.digest } }

    /// Why the last piece was not taken, if it was not.
    var failure: Failure? {
        state.withLock { $0.error }.map { Failure(doing: "writing \(temporaryPath)", $0) }
    }

    func take(_ piece: RawSpan) -> Bool {
        var done = 0
        while done < piece.byteCount {
            do throws(Errno) {
                done += try file.write(piece.extracting(done..<piece.byteCount))
            } catch {
                state.withLock { $0.error = error }
                return false
            }
        }
        state.withLock { state in
            state.bytes += UInt64(piece.byteCount)
            state.digest.update(piece)
        }
        return true
    }

    /// Puts it on the disk, with its description: where the image is, the description is too.
    func keep(describedBy text: [UInt8]) throws(Failure) {
        let sidecar = path.suffixed(".json")
        let temporarySidecar = sidecar.suffixed(".partial")
        var written = [temporarySidecar]
        do throws(Failure) {
            try doing("writing \(temporarySidecar)") { () throws(Errno) in
                let file = try OwnedFileDescriptor(creating: temporarySidecar)
                try file.writeAll(text, at: 0)
                try file.syncData()
            }
            try doing("writing \(path)") { () throws(Errno) in
                try file.syncData()
                try Files.rename(temporarySidecar, sidecar)
                written = [sidecar]
                try Files.rename(temporaryPath, path)
                written.append(path)
                let folder = path.removingLastComponent()
                try Files.sync(directory: folder.isEmpty ? "." : folder)
            }
        } catch {
            for path in written { try? Files.remove(path) }
            throw error
        }
    }

    func discard() {
        try? Files.remove(temporaryPath)
    }
}

extension FilePath {
    /// The path with something behind its last name.
    func suffixed(_ suffix: String) -> FilePath { FilePath(string + suffix) }
}

extension SHA256Digest {
    /// As `Content-Digest` and `Repr-Digest` say it. Source: RFC 9530.
    var field: String { "sha-256=:\(base64):" }
}
