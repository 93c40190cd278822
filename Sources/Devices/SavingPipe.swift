internal import SystemCalls
internal import SystemPackage

/// Between a saving session's data fd and who streams it: filled by the pump, emptied by the reader.
///
/// It lives as long as its session, so what was read and not delivered outlives a broken connection.
final class SavingPipe: Sendable {
    private let contents: Locked<Contents>

    fileprivate struct Contents: Sendable {
        var window: ReplayWindow
        var end = End.none
        var reader: Reader?
        var events: Events?
        var isPumping = false
        var isClosed = false
    }

    /// What the device said last.
    fileprivate enum End: Sendable {
        case none
        case drained
        case complete
        /// It could not be read.
        case broken
    }

    fileprivate struct Reader: Sendable {
        var position: UInt64
        /// Beyond that the device is not read for it.
        let goal: UInt64
        let untilDrained: Bool
    }

    /// What the two threads of a stream wait for.
    struct Events: Sendable {
        let forPump: EventDescriptor
        let forReader: EventDescriptor

        init() throws(Errno) {
            forPump = try EventDescriptor()
            forReader = try EventDescriptor()
        }
    }

    init(window: UInt64) {
        contents = Locked(Contents(window: ReplayWindow(length: window)))
    }

    /// The first byte of the image that can still be had.
    var earliestOffset: UInt64 {
        contents.withLock { $0.window.earliest }
    }

    /// That, and how far the device was read.
    var offsets: (earliest: UInt64, read: UInt64) {
        contents.withLock { ($0.window.earliest, $0.window.readOffset) }
    }

    /// Nothing moves any more; what was kept is given back with the last owner.
    func close() {
        contents.change { contents in
            contents.isClosed = true
            contents.events?.forPump.signal()
            contents.events?.forReader.signal()
        }
    }

    /// Something about the session has changed.
    func wake() {
        contents.change { contents in
            contents.events?.forPump.signal()
            contents.events?.forReader.signal()
        }
    }

    // MARK: The reader

    /// A reader begins at an offset; answers what to wait for, and whether a pump has to be started.
    func attach(
        at offset: UInt64, goal: UInt64, untilDrained: Bool
    ) throws(Errno) -> (events: Events, needsPump: Bool) {
        let fresh = try Events()
        return contents.change { contents in
            let events = contents.events ?? fresh
            contents.events = events
            contents.reader = Reader(position: offset, goal: goal, untilDrained: untilDrained)
            if contents.end != .complete { contents.end = .none }
            defer { contents.isPumping = true }
            return (events, !contents.isPumping)
        }
    }

    /// The pump could not be started.
    func pumpFailed() {
        contents.change { contents in
            contents.isPumping = false
            contents.end = .broken
        }
    }

    /// The reader has gone.
    func detach() {
        contents.change { contents in
            contents.reader = nil
            contents.events?.forPump.signal()
        }
    }

    /// What there is for a reader.
    enum Offer {
        case piece(MemoryBlock, Range<Int>)
        /// Nothing now; it will be told.
        case nothing
        case drained
        case complete
        case broken
    }

    /// What there is from an offset on, not more than asked.
    ///
    /// - Parameter kept: from there on everything stays where it is, although it was sent.
    func offer(at offset: UInt64, upTo limit: Int, keepingFrom kept: UInt64?) -> Offer {
        contents.change { contents in
            contents.reader?.position = min(offset, kept ?? offset)
            if contents.isClosed { return .broken }
            if let (block, range) = contents.window.piece(at: offset, upTo: limit) {
                return .piece(block, range)
            }
            switch contents.end {
            case .none: return .nothing
            case .drained: return .drained
            case .complete: return .complete
            case .broken: return .broken
            }
        }
    }

    /// Everything up to an offset is on its way to the client.
    func sent(to offset: UInt64) {
        contents.withLock { $0.window.sent(to: offset) }
    }

    // MARK: The pump

    /// Where the pump reads to next; blocks while there is no room. nil: it ends, nobody wants more.
    func nextPlace() -> (MemoryBlock, Range<Int>)? {
        while true {
            let place: Place? = contents.wait(until: .now + .seconds(60)) { contents in
                guard let reader = contents.reader, contents.wantsMore(reader) else {
                    contents.isPumping = false
                    return .stop
                }
                do throws(Errno) {
                    guard let place = try contents.window.place(readerAt: reader.position) else {
                        return nil
                    }
                    let left = Int(clamping: reader.goal - contents.window.readOffset)
                    return .at(place.0, place.1.prefix(left))
                } catch {
                    contents.isPumping = false
                    contents.end = .broken
                    contents.events?.forReader.signal()
                    return .stop
                }
            }
            switch place {
            case .at(let block, let range)?: return (block, range)
            case .stop?: return nil
            case nil: continue
            }
        }
    }

    /// A reader is there, and would take more.
    var isWanted: Bool {
        contents.withLock { contents in
            contents.reader.map { contents.wantsMore($0) } ?? false
        }
    }

    private enum Place {
        case at(MemoryBlock, Range<Int>)
        case stop
    }

    /// So many bytes have come.
    func filled(_ count: Int) {
        tell { contents in
            contents.window.filled(count)
            contents.end = .none
        }
    }

    /// A temporary end.
    func drained() {
        tell { $0.end = .drained }
    }

    /// The real end.
    func completed() {
        tell { $0.end = .complete }
    }

    /// The session is not to be read any more.
    func broke() {
        tell { contents in
            contents.end = .broken
            contents.isPumping = false
        }
    }

    private func tell(_ event: (inout Contents) -> Void) {
        contents.withLock { contents in
            event(&contents)
            contents.events?.forReader.signal()
        }
    }
}

extension SavingPipe.Contents {
    fileprivate func wantsMore(_ reader: SavingPipe.Reader) -> Bool {
        if isClosed || window.readOffset >= reader.goal { return false }
        switch end {
        case .none: return true
        case .drained: return !reader.untilDrained
        case .complete, .broken: return false
        }
    }
}

extension Range<Int> {
    /// The beginning of it, not longer than so much.
    fileprivate func prefix(_ count: Int) -> Range<Int> {
        lowerBound..<lowerBound + Swift.min(self.count, count)
    }
}
