public import Digests

/// What the source says of the image that a device is to take.
///
/// A body that was cut on its way may end cleanly, and several drivers commit such an image without
/// a word: so a commit needs the source's word on its length, from who asks for it or with an upload.
public struct CommitProof: Hashable, Sendable {
    /// The length of the whole image; nil where the caller does not know.
    public var bytes: UInt64?
    /// Its SHA-256; nil where the caller does not know.
    public var sha256: SHA256Digest?
    /// Commit although nothing is known of the image.
    public var acceptUnverified = false

    /// No proof at all.
    public init() {}

    /// Why a session's image may not be committed on this proof; nil if it may.
    ///
    /// - Parameter digest: of what the device has taken; nil where none was computed.
    func objection(
        to session: TransferSession, digest: SHA256Digest?, isUploading: Bool
    ) -> Objection? {
        if isUploading { return .incomplete("an upload is still in progress") }
        if session.phase == .failed { return .incomplete("the session has failed") }
        if session.offset == 0 { return .incomplete("nothing was sent") }
        for bytes in [bytes, session.declaredBytes].compactMap({ $0 }) where bytes != session.offset
        {
            return .incomplete("\(session.offset) bytes are there, the source says \(bytes)")
        }
        for sha256 in [sha256, session.declaredDigest].compactMap({ $0 }) where sha256 != digest {
            guard let digest else { return .incomplete("no digest of the image was computed") }
            return .incomplete(
                "the SHA-256 is \(digest.hexadecimal), the source says \(sha256.hexadecimal)")
        }
        if bytes != nil { return nil }
        if session.phase != .complete { return .incomplete("the upload did not end cleanly") }
        let isDeclared = session.declaredBytes != nil || session.declaredDigest != nil
        return isDeclared || sha256 != nil || acceptUnverified ? nil : .unverified
    }

    enum Objection {
        case incomplete(String)
        case unverified
    }
}
