/// What the source says of the image that a device is to take.
///
/// A body that was cut on its way may end cleanly, and several drivers commit such an image without
/// a word: so a commit needs the source's word on its length.
public struct CommitProof: Hashable, Sendable {
    /// The length of the whole image; nil where the caller does not know.
    public var bytes: UInt64?
    /// Commit although nothing is known of the image.
    public var acceptUnverified = false

    /// No proof at all.
    public init() {}

    /// Why a session's image may not be committed on this proof; nil if it may.
    func objection(to session: TransferSession, isUploading: Bool) -> Objection? {
        if isUploading { return .incomplete("an upload is still in progress") }
        if session.phase == .failed { return .incomplete("the session has failed") }
        if session.offset == 0 { return .incomplete("nothing was sent") }
        if let bytes {
            if bytes == session.offset { return nil }
            return .incomplete("\(session.offset) bytes are there, the source says \(bytes)")
        }
        if session.phase != .complete { return .incomplete("the upload did not end cleanly") }
        return acceptUnverified ? nil : .unverified
    }

    enum Objection {
        case incomplete(String)
        case unverified
    }
}
