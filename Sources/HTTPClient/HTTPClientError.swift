/// Why a request has no answer.
public struct HTTPClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What became of the request.
    public enum Kind: Hashable, Sendable {
        /// It surely never reached the peer: no connection came about, or the request is none.
        case connect
        /// Time ran out, and the peer may have done what was asked.
        case timeout
        /// The connection broke, and the peer may have done what was asked.
        case cut
        /// What came is no answer: not HTTP, or more than is taken.
        case `protocol`
        /// This side ended it: ``HTTPClient/cut()``, or a source or a sink broke off.
        case aborted
    }

    /// What became of the request.
    public var kind: Kind
    /// What was tried and what went wrong, for people.
    public var reason: String

    /// Why a request has no answer.
    public init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }

    /// The reason.
    public var description: String {
        reason
    }
}
