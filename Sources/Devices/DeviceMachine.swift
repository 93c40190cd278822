internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

/// What is known of one device: a value that changes by one event at a time.
///
/// It asks nothing of a driver and does not block; the ``DeviceController`` does that between two
/// events, with no lock held. While an ``Activity`` other than `idle` is on, its thread is the only
/// one that asks the device for a change.
struct DeviceMachine: Sendable {
    let features: MigrationFeatures
    private(set) var state: MigrationState
    private(set) var since = Timestamp.now
    /// Grows with every change of state, session or identity; never with offsets.
    private(set) var generation: UInt64
    /// The open session, or the last one.
    private(set) var session: TransferSession?
    /// What the open session moves its bytes with.
    private(set) var transfer: Transfer?
    /// What ended sessions have left behind: closing a data file may block, so it is let go of without
    /// the lock.
    private var leftBehind: [Transfer] = []
    /// How many bytes of a saving session are kept to be sent again.
    let replayWindow: UInt64
    var activity = Activity.idle
    /// The migration that has the device to itself.
    var claim: DeviceClaim? {
        didSet { if claim != oldValue { generation += 1 } }
    }
    /// Where the image went that is still in the device.
    var handedOver: HandedOver? {
        didSet { if handedOver != oldValue { generation += 1 } }
    }
    /// An arc out of pre-copy failed and left the driver's session in doubt: it may be asked nothing
    /// but a reset.
    private(set) var isLatched = false
    private(set) var lastError: DeviceError?
    private(set) var transitions: UInt64 = 0
    var lastTransition: Result<TransitionReport, DeviceProblem>?
    var stopCopyLength: UInt64?
    var sampling = PrecopySampling()
    /// The connection that streams the saving session.
    var streamer: ConnectionWatch?
    /// The connection that writes into the resuming session.
    var uploader: ConnectionWatch?
    /// The agent ends: nobody waits for changes any more.
    var isEnding = false
    /// Streams are being cut.
    var isCut = false
    /// The answers to resets, by their `Idempotency-Key`; the newest last.
    var answeredResets: [(key: String, report: TransitionReport)] = []

    enum Activity: Sendable {
        case idle
        case transition(Transition)
        case reset
        case detached
    }

    /// What a session moves its bytes with.
    struct Transfer: Sendable {
        let file: any MigrationDataFile
        let digest = ImageDigest()
        /// Saving: between the data file and who streams it.
        let pipe: SavingPipe
    }

    init(
        features: MigrationFeatures, state: MigrationState, generation: UInt64,
        replayWindow: UInt64
    ) {
        self.features = features
        self.replayWindow = replayWindow
        self.state = state
        self.generation = generation
    }

    /// The session that is open now.
    var openSession: TransferSession? {
        session.flatMap { $0.isOpen ? $0 : nil }
    }

    /// The transition that is on its way.
    var transition: Transition? {
        if case .transition(let transition) = activity { transition } else { nil }
    }

    /// Refuses whatever would get in the way of the thread that changes the device now.
    func requireIdle() throws(DeviceProblem) {
        switch activity {
        case .idle: return
        case .transition(let transition): throw .transitionInProgress(transition)
        case .reset: throw .transitionInProgress(nil)
        case .detached: throw .detached
        }
    }

    // MARK: What the driver did

    /// The next transition begins.
    mutating func began(to target: MigrationState) {
        transitions += 1
        activity = .transition(
            Transition(id: transitions, from: state, to: target, arc: nil, startedAt: .now))
    }

    /// The driver is asked to run an arc.
    mutating func began(_ arc: Arc) {
        guard var transition else { return }
        transition.arc = arc
        activity = .transition(transition)
    }

    /// The driver has run an arc; answers the session that ended with it.
    mutating func ran(_ arc: Arc, _ newFile: (any MigrationDataFile)?) -> TransferSession? {
        enter(arc.to)
        switch arc.sessionEffect {
        case .none, .keeps: return nil
        case .opens(let direction):
            guard let newFile else { return nil }
            session = TransferSession(direction)
            transfer = Transfer(file: newFile, pipe: SavingPipe(window: replayWindow))
            sampling = PrecopySampling()
            return nil
        case .ends:
            session?.left()
            dropTransfer()
            return session
        }
    }

    /// The driver refused an arc, and says that the device is in a state.
    mutating func refused(_ arc: Arc, _ error: DeviceError, nowIn current: MigrationState) {
        observed(state: current)
        lastError = error
        guard current == arc.from, error.errno != .resourceBusy else { return }
        guard arc.leavesPreCopyRunning || arc.isCommit else { return }
        if arc.leavesPreCopyRunning {
            isLatched = true
            dropTransfer()
        }
        session?.failed(error)
        generation += 1
    }

    /// The device says that it is in a state, whatever was believed of it.
    mutating func observed(state observed: MigrationState) {
        guard observed != state else { return }
        let keepsSession =
            state.isInSavingGroup && observed.isInSavingGroup && !(state == .stopCopy)
        enter(observed)
        if !keepsSession {
            session?.ended(.lost)
            dropTransfer()
            isLatched = false
        }
    }

    /// The device was reset, and says that it is in a state.
    mutating func wasReset(nowIn observed: MigrationState) -> TransferSession? {
        let ended = openSession != nil
        enter(observed)
        session?.ended(.reset)
        dropTransfer()
        isLatched = false
        lastError = nil
        return ended ? session : nil
    }

    /// The agent lets go of the device.
    mutating func detached() {
        activity = .detached
        session?.ended(.lost)
        dropTransfer()
        generation += 1
    }

    private mutating func dropTransfer() {
        guard let transfer else { return }
        transfer.pipe.close()
        leftBehind.append(transfer)
        self.transfer = nil
    }

    /// Hands over what is to be let go of once the lock is.
    mutating func takeLeftBehind() -> [Transfer] {
        defer { leftBehind = [] }
        return leftBehind
    }

    /// A call other than an arc failed.
    mutating func failed(_ error: DeviceError) {
        lastError = error
    }

    private mutating func enter(_ state: MigrationState) {
        self.state = state
        since = .now
        generation += 1
        // Nothing leaves STOP but by a reset: the image is gone.
        if state == .running { handedOver = nil }
    }

    // MARK: What happened to a session

    /// The session with this id, if it is still the open one.
    func openSession(_ id: String) -> TransferSession? {
        openSession?.id == id ? openSession : nil
    }

    /// Something happened to a session; nothing changes if another one is open by now.
    mutating func changeSession(_ id: String, _ event: (inout TransferSession) -> Void) {
        guard var session = openSession(id) else { return }
        let phase = session.phase
        event(&session)
        self.session = session
        if session.phase != phase { generation += 1 }
    }

    /// Bytes of a session are lost, or the driver refused some.
    mutating func failSession(_ id: String, _ error: DeviceError? = nil) {
        changeSession(id) { $0.failed(error) }
        if let error { lastError = error }
    }

    /// A stream of a session broke off: what it sent last may be lost, and only the window knows it still.
    mutating func streamWasCut(_ id: String) {
        if replayWindow == 0 { return failSession(id) }
        changeSession(id) { $0.isCut = true }
    }

    /// The driver is busy with what ends the session: its data file failing then is no failure.
    var isEndingSession: Bool {
        switch activity {
        case .idle: return false
        case .reset, .detached: return true
        case .transition(let transition):
            if case .ends = transition.arc?.sessionEffect { return true }
            return false
        }
    }
}
