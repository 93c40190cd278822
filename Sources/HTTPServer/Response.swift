public import SystemCalls

/// An answer to a request.
public struct Response: Sendable {
    /// The status code.
    public var status: Int
    /// The fields of the header, in their order.
    public var fields: [(name: String, value: String)]
    /// What follows the header.
    public var body: Body

    /// What follows the header of a response.
    public enum Body: Sendable {
        /// These bytes, with their length in the header.
        case bytes([UInt8])
        /// Whatever a stream gives, chunked.
        case stream(any ResponseStream)
    }

    /// An answer without a body, or with one that is known.
    public init(_ status: Int, _ fields: [(name: String, value: String)] = [], _ body: [UInt8] = [])
    {
        self.status = status
        self.fields = fields
        self.body = .bytes(body)
    }

    /// An answer whose body is made while it is sent.
    public init(
        _ status: Int, _ fields: [(name: String, value: String)],
        streaming stream: any ResponseStream
    ) {
        self.status = status
        self.fields = fields
        body = .stream(stream)
    }
}

/// A body that is made while it is sent.
public protocol ResponseStream: AnyObject, Sendable {
    /// Sends the next piece by a function that answers whether all of it went out.
    ///
    /// Blocks until there is a piece; gives up when the watch says that the client has gone. The
    /// piece goes out as one chunk, and from where it is: one of 1,048,567 bytes, which does not begin
    /// on one of the first 15 bytes of a page, is the fastest.
    func next(watch: ConnectionWatch, send: (RawSpan) -> Bool) -> StreamStep

    /// Asked now and then while the client takes its time: whether it still may.
    var goesOn: Bool { get }

    /// The stream is over; called exactly once.
    ///
    /// - Parameter delivered: it came to its end, and the connection took every byte.
    func finished(delivered: Bool)
}

/// What comes next in a body.
public enum StreamStep: Sendable {
    /// A piece was sent.
    case sent
    /// The body ends here, with these trailer fields.
    case end(trailers: [(name: String, value: String)])
    /// The body breaks off: the connection closes without the last chunk, so that the client sees it.
    case broken
}

/// Takes the body of a request piece by piece.
public protocol UploadSink: AnyObject, Sendable {
    /// Takes a piece, blocking as long as it needs; false if it cannot take any more.
    func write(_ piece: RawSpan) -> Bool

    /// The body is over; called exactly once.
    ///
    /// - Parameter trailers: what followed the body; nil if it did not come to its proper end.
    /// - Returns: the answer; not sent if the body broke off.
    func finish(trailers: HeaderFields?) -> Response
}

/// What is done with a request once its head is known.
public enum Reception: Sendable {
    /// Answered like this; a body that comes with it is not wanted.
    case answer(@Sendable () -> Response)
    /// The body is collected up to a bound, then answered; above the bound, the other answer.
    case collect(
        limit: Int, then: @Sendable ([UInt8]) -> Response, tooLarge: @Sendable () -> Response)
    /// The body goes to a sink.
    case upload(any UploadSink)
    /// Refused like this before its body comes.
    case refuse(Response)
}

/// What a server does with requests. Called on the connection's own thread: it may block.
public protocol RequestHandler: Sendable {
    /// Decides on a request before its body comes.
    func receive(_ head: RequestHead) -> Reception

    /// Answers a request that is refused for its framing; the connection closes afterwards.
    func refusal(of head: RequestHead, for fault: FramingFault) -> Response

    /// Whether a request moves bulk data: asked of what the request line looks like, to choose the
    /// connection's memory, and binding nobody.
    func isBulk(method: Substring, rawTarget: Substring) -> Bool

    /// What a client hears when the server has as many connections as it takes: the whole response.
    var overloadedResponse: [UInt8] { get }
}
