public import MigrationModel
public import SystemCalls

/// One attached device: serialises what changes it, and answers at once about what is known of it.
///
/// A single lock guards the ``DeviceMachine``; it is never held while the driver is asked. One thread
/// at a time changes the device: a second one is refused, never queued behind a slow driver.
public final class DeviceController: Sendable {
    /// The id under which it is attached.
    public let id: DeviceIdentifier
    /// Where it comes from.
    public let source: DeviceSource
    /// When it was attached.
    public let attachedAt = Timestamp.now
    let device: any MigratableDevice
    let machine: Locked<DeviceMachine>

    /// How many bytes of a saving session are kept to be sent again, where nothing is said.
    public static let defaultReplayWindow: UInt64 = 64 << 20

    /// Takes a device over, in whatever state it is in; a session that it had is gone.
    init(
        _ id: DeviceIdentifier, _ source: DeviceSource, _ device: any MigratableDevice,
        generation: UInt64, replayWindow: UInt64 = defaultReplayWindow
    ) throws(DeviceError) {
        self.id = id
        self.source = source
        self.device = device
        var machine = DeviceMachine(
            features: device.features, state: try device.state(), generation: generation,
            replayWindow: replayWindow)
        machine.stopCopyLength = try? device.stopCopyLength()
        self.machine = Locked(machine)
    }

    /// Changes what is known of the device, and wakes who waits for that.
    func change<Result, Failure: Error>(
        _ event: (inout DeviceMachine) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var leftBehind: [DeviceMachine.Transfer] = []
        defer { leftBehind.removeAll() }
        return try machine.change { machine throws(Failure) in
            let generation = machine.generation
            defer {
                leftBehind = machine.takeLeftBehind()
                if machine.generation != generation { machine.transfer?.pipe.wake() }
            }
            return try event(&machine)
        }
    }

    /// Everything that is known of the device, without asking it.
    public var snapshot: DeviceSnapshot {
        machine.withLock { DeviceSnapshot(self, $0) }
    }

    /// The same, once its generation is above a number, or when time runs out.
    ///
    /// Blocks until then; gives up early when the connection that asks has gone.
    public func snapshot(
        above generation: UInt64, until deadline: ContinuousClock.Instant,
        watch: ConnectionWatch
    ) -> DeviceSnapshot {
        while ContinuousClock.now < deadline, !watch.isGone {
            let slice = min(deadline, .now + ConnectionWatch.interval)
            let changed = machine.wait(until: slice) { machine in
                machine.generation > generation || machine.isDetached || machine.isEnding
                    ? DeviceSnapshot(self, machine) : nil
            }
            if let changed { return changed }
        }
        return snapshot
    }
}

extension DeviceController {
    /// Lets go of the device in the state that it is in; answers its last generation.
    func detach(
        force: Bool, by requester: Requester
    ) throws(DeviceProblem) -> UInt64 {
        let generation = try change { machine throws(DeviceProblem) in
            try requester.checkSeal(machine)
            try machine.requireIdle()
            if let session = machine.openSession, !force {
                let isDelivered = session.direction == .saving && session.phase == .complete
                if !isDelivered { throw .sessionActive(session) }
            }
            machine.detached()
            return machine.generation
        }
        // The device closes when its last user leaves: within moments, but for a silent uploader.
        let hasClosed = machine.wait(until: .now + .seconds(2)) { machine in
            machine.streamer == nil && machine.uploader == nil ? true : nil
        }
        if hasClosed == nil { _ = machine.withLock { $0.cutUploader() } }
        return generation
    }
}

/// Everything that is known of a device at one moment.
public struct DeviceSnapshot: Sendable {
    /// The id under which it is attached.
    public let id: DeviceIdentifier
    /// Where it comes from.
    public let source: DeviceSource
    /// When it was attached.
    public let attachedAt: Timestamp
    private let device: any MigratableDevice
    /// What of the migration protocol it supports.
    public let features: MigrationFeatures
    /// The form of its PRECOPY_INFO; nil without PRE_COPY.
    public let precopyInfoVersion: PrecopyInfoVersion?
    /// The state after the last arc that was run.
    public let state: MigrationState
    /// When it came to that state.
    public let since: Timestamp
    /// Grows with every change of state, session or identity.
    public let generation: UInt64
    /// The states that can be asked for.
    public let reachableStates: [MigrationState]
    /// How many bytes STOP_COPY will deliver, as last estimated.
    public let stopCopyLength: UInt64?
    /// The open session, or the last one.
    public let session: TransferSession?
    /// How many bytes of a saving session are kept to be sent again.
    public let replayWindow: UInt64
    /// The transition that is on its way.
    public let transition: Transition?
    /// What the last transition or reset did.
    public let lastTransition: Result<TransitionReport, DeviceProblem>?
    /// The last call that failed, until a reset.
    public let lastError: DeviceError?
    /// The migration that has the device to itself.
    public let claim: DeviceClaim?
    /// Where its image went, until a reset.
    public let handedOver: HandedOver?

    init(_ controller: DeviceController, _ machine: DeviceMachine) {
        id = controller.id
        source = controller.source
        attachedAt = controller.attachedAt
        device = controller.device
        features = machine.features
        precopyInfoVersion = controller.device.precopyInfoVersion
        state = machine.state
        since = machine.since
        generation = machine.generation
        reachableStates = machine.reachableStates
        stopCopyLength = machine.stopCopyLength
        session = machine.describedSession
        replayWindow = machine.replayWindow
        transition = machine.transition
        lastTransition = machine.lastTransition
        lastError = machine.lastError
        claim = machine.claim
        handedOver = machine.handedOver
    }

    /// With this agent its state is gone: nobody else keeps it open.
    public var losesStateOnClose: Bool {
        device.losesStateOnClose
    }

    /// What it is; asked of the device now.
    public var identity: DeviceIdentity {
        device.identity
    }
}
