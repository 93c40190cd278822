internal import Devices
internal import MigrationModel
internal import SystemPackage

/// What a simulated device is in at one moment.
struct Registers: Sendable {
    private(set) var state = MigrationState.running
    private var content: DeviceContent
    /// The number of the open session; no data file of an earlier one works.
    private var session: UInt64 = 0
    private var transfer = Transfer.none
    var faults: FaultSchedule
    var openFiles = 0
    private var moment: Duration
    /// What was dirtied and is not a whole block yet, in bytes times nanoseconds a second.
    private var dirtied: UInt128 = 0

    /// What the kernel answers to a data file whose session has ended: `ENODEV`.
    private static let sessionIsOver = Errno.operationNotSupportedByDevice

    private enum Transfer: Sendable {
        case none
        case saving(SavingStream)
        case resuming(ImageReceiver, refused: Errno?)
    }

    init(_ plan: SimulationPlan, now: Duration) {
        content = DeviceContent(plan)
        faults = FaultSchedule(plan.faults)
        moment = now
    }

    /// The device as it was left: in its state, without a session.
    init(_ plan: SimulationPlan, _ record: DeviceRecord) {
        state = record.state
        content = record.content
        dirtied = UInt128(record.dirtied)
        moment = record.moment
        faults = FaultSchedule(plan.faults, counts: record.faultCounts)
    }

    /// What is to be kept of it.
    var record: DeviceRecord {
        DeviceRecord(
            state: state, content: content, dirtied: UInt64(dirtied), moment: moment,
            faultCounts: faults.counts)
    }

    /// Time passes, and the running device dirties its state in it.
    mutating func advance(to now: Duration, dirtyBytesPerSecond: UInt64) {
        let elapsed = now - moment
        moment = now
        let dirties = state == .running || state == .preCopy
        guard dirties, dirtyBytesPerSecond > 0, content.blockCount > 0, elapsed > .zero else {
            return
        }
        let nanoseconds = UInt128(elapsed / .nanoseconds(1))
        let block = UInt128(DeviceContent.blockSize) * 1_000_000_000
        let (blocks, rest) = (dirtied + nanoseconds * UInt128(dirtyBytesPerSecond))
            .quotientAndRemainder(dividingBy: block)
        content.writes += UInt64(blocks)
        dirtied = rest
    }

    /// The state that does not change now: in STOP and STOP_COPY, and in RUNNING without dirtying.
    func restingContent(_ plan: SimulationPlan) -> DeviceContent? {
        switch state {
        case .stop, .stopCopy: content
        case .running where plan.dirtyBytesPerSecond == 0: content
        default: nil
        }
    }

    var stopCopyLength: UInt64 {
        if case .saving(let stream) = transfer {
            let left = stream.bytesLeft(content)
            return left.initial + left.dirty + content.stopCopyBytes
        }
        return content.initialBytes + content.stopCopyBytes
    }

    // MARK: Arcs

    /// Runs an arc, or fails at it, and answers the number of the session that it opened.
    mutating func run(
        _ arc: Arc, _ action: SimulationPlan.Action?
    ) throws(Errno) -> UInt64? {
        // Another file of the same device may have moved it in the meantime.
        guard state == arc.from else { throw .resourceBusy }
        switch action {
        case .errno(let errno)?: throw errno
        case .errorState?:
            fail()
            throw .ioError
        case .emfileAfter?:
            try enter(arc)
            throw .tooManyOpenFiles
        case .stall?, nil:
            return try enter(arc)
        }
    }

    @discardableResult
    private mutating func enter(_ arc: Arc) throws(Errno) -> UInt64? {
        switch arc.sessionEffect {
        case .none, .keeps: break
        case .opens(.saving): begin(.saving(SavingStream(content)))
        case .opens(.resuming): begin(.resuming(ImageReceiver(), refused: nil))
        case .ends(.saving): transfer = .none
        case .ends(.resuming): try commit()
        }
        state = arc.to
        if case .opens = arc.sessionEffect { return session }
        return nil
    }

    private mutating func begin(_ transfer: Transfer) {
        session += 1
        self.transfer = transfer
    }

    /// Takes the image that was loaded; refused if it is short or if a write was.
    private mutating func commit() throws(Errno) {
        guard case .resuming(let receiver, nil) = transfer, let loaded = receiver.loaded else {
            throw .invalidArgument
        }
        content = loaded
        transfer = .none
    }

    mutating func reset(_ plan: SimulationPlan, now: Duration) {
        state = .running
        content = DeviceContent(plan)
        transfer = .none
        dirtied = 0
        moment = now
    }

    private mutating func fail() {
        state = .error
        transfer = .none
    }

    // MARK: The data file

    mutating func read(
        _ session: UInt64, into buffer: UnsafeMutableRawBufferPointer
    ) throws(Errno) -> (Int, SimulationPlan.Action?) {
        guard session == self.session, case .saving(var stream) = transfer else {
            throw Self.sessionIsOver
        }
        let left = stream.bytesLeft(content)
        let isIdle = state.isPreCopy && left.initial + left.dirty == 0
        let action = faults.count(isIdle ? .idle : .read)
        try failIfTold(action)
        transfer = .none
        let count = unsafe stream.take(into: buffer, content, isStopped: state == .stopCopy)
        transfer = .saving(stream)
        return (count, action)
    }

    mutating func write(
        _ session: UInt64, _ bytes: UnsafeRawBufferPointer, _ action: SimulationPlan.Action?
    ) throws(Errno) {
        guard session == self.session, case .resuming(var receiver, let refused) = transfer else {
            throw Self.sessionIsOver
        }
        // One refusal spoils the session for good.
        if let refused { throw refused }
        do throws(Errno) {
            try failIfTold(action)
            try unsafe receiver.take(bytes)
            transfer = .resuming(receiver, refused: nil)
        } catch {
            if case .resuming = transfer { transfer = .resuming(receiver, refused: error) }
            throw error
        }
    }

    func bytesLeft(_ session: UInt64) throws(Errno) -> (initial: UInt64, dirty: UInt64) {
        guard session == self.session, case .saving(let stream) = transfer else {
            throw Self.sessionIsOver
        }
        return stream.bytesLeft(content)
    }

    private mutating func failIfTold(_ action: SimulationPlan.Action?) throws(Errno) {
        switch action {
        case .errno(let errno)?: throw errno
        case .errorState?:
            fail()
            throw .ioError
        case .emfileAfter?, .stall?, nil: return
        }
    }
}
