/// Where the bytes of a download go.
public protocol DownloadSink: AnyObject {
    /// Takes the next bytes; false breaks the download off.
    ///
    /// May block: the peer waits meanwhile.
    ///
    /// - Parameter piece: at most 16 KiB, valid until this returns.
    func take(_ piece: RawSpan) -> Bool
}
