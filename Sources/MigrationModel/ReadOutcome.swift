/// What one `read` of a saving session's data fd means.
///
/// The kernel says "nothing now" in two ways (`ENOMSG`, or 0 as mtty, qat and hisi_acc do), and 0 is
/// the real end in STOP_COPY alone. So the meaning depends on the state that the device was known to
/// be in *before* the read began: a 0 that was on its way while the device moved to STOP_COPY is
/// still a temporary end.
///
/// Source: linux/vfio.h, "temporary end of stream" at `VFIO_MIG_GET_PRECOPY_INFO`.
public enum ReadOutcome: Hashable, Sendable {
    /// This many bytes of the image.
    case bytes(Int)
    /// A temporary end: nothing is left now, more may come.
    case drained
    /// The image is complete.
    case endOfStream
    /// `ENOMSG` in STOP_COPY, which the protocol forbids: never to be taken for an end.
    case violation

    /// The meaning of `read` returning a count, begun in a state.
    public init(count: Int, begunIn state: MigrationState) {
        if count > 0 {
            self = .bytes(count)
        } else {
            self = state == .stopCopy ? .endOfStream : .drained
        }
    }

    /// The meaning of `read` failing with `ENOMSG`, begun in a state.
    public init(noMessageIn state: MigrationState) {
        self = state == .stopCopy ? .violation : .drained
    }
}
