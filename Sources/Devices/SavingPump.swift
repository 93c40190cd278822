internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

/// Reads a saving session's data fd ahead of who streams it, on a thread of its own.
///
/// So the device is read while the bytes before are sent. It reads for one reader at a time, and ends
/// when nobody wants more; a read that is on its way then still comes to its end, and its bytes are kept.
struct SavingPump: Sendable {
    private let controller: DeviceController
    private let session: String
    private let file: any MigrationDataFile
    private let pipe: SavingPipe
    private let event: EventDescriptor

    // poll(2) on a data fd lies for every driver but one, so an idle device is asked again after a
    // while that grows.
    private static let shortestIdleWait = Duration.milliseconds(10)
    private static let longestIdleWait = Duration.seconds(1)

    /// Begins to read; `EAGAIN` when the system has no room for a thread.
    static func start(
        _ controller: DeviceController, _ session: String, _ file: any MigrationDataFile,
        _ pipe: SavingPipe, _ event: EventDescriptor
    ) throws(Errno) {
        let pump = SavingPump(
            controller: controller, session: session, file: file, pipe: pipe, event: event)
        try Thread(name: "pump") { pump.run() }.detach()
    }

    private func run() {
        var idleWait = Self.shortestIdleWait
        var sawViolation = false
        while let (block, range) = pipe.nextPlace() {
            guard let state = controller.stateToRead(session) else { return pipe.broke() }
            switch read(into: block, range, begunIn: state) {
            case .bytes(let count)?:
                idleWait = Self.shortestIdleWait
                pipe.filled(count)
            case .endOfStream?:
                pipe.completed()
            case .drained?:
                pipe.drained()
                idleWait = waitWhileIdle(idleWait)
            case .violation?:
                // `ENOMSG` in STOP_COPY: tolerated once, then the driver has broken the protocol.
                controller.lookAtDeviceIfIdle()
                if sawViolation {
                    let error = DeviceError("read of the data fd in STOP_COPY", .noMessage)
                    controller.dataFileFailed(error, in: session)
                }
                sawViolation = true
            case nil:
                return pipe.broke()
            }
        }
    }

    private func read(
        into block: MemoryBlock, _ range: Range<Int>, begunIn state: MigrationState
    ) -> ReadOutcome? {
        let result = block.fill(range) { buffer in
            Result { () throws(DeviceError) in
                try file.read(into: &buffer, upTo: range.count, begunIn: state)
            }
        }
        switch result {
        case .success(let outcome): return outcome
        case .failure(let error):
            controller.dataFileFailed(error, in: session)
            return nil
        }
    }

    /// Waits until the device is worth another look, and answers how long to wait the next time.
    private func waitWhileIdle(_ time: Duration) -> Duration {
        guard pipe.isWanted else { return time }
        // mlx5 and virtio begin their next incremental save inside this call.
        _ = try? controller.precopySample(maxAge: Self.longestIdleWait)
        switch ConnectionWatch.none.wait(for: event, timeout: time) {
        case .event: return Self.shortestIdleWait
        case .timeout, .gone: return min(time * 2, Self.longestIdleWait)
        }
    }
}

extension DeviceController {
    /// The state that the device is known to be in; nil when the session is not to be read any more.
    func stateToRead(_ session: String) -> MigrationState? {
        machine.withLock { machine in
            guard let session = machine.openSession(session), session.isSound, !machine.isCut,
                !machine.isDetached
            else { return nil }
            return machine.state
        }
    }
}
