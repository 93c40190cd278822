import MigrationModel
import SystemCalls
import SystemPackage
import TestSupport

@testable import Devices

/// A device that does what a test tells it, call by call, and counts what it is asked.
final class FakeDevice: MigratableDevice {
    struct Script: Sendable {
        var state = MigrationState.running
        /// What happens to a request for a state, instead of what a sound driver does.
        var onSet: (@Sendable (FakeDevice, MigrationState) throws(DeviceError) -> Void)?
        var onReset: (@Sendable (FakeDevice) throws(DeviceError) -> Void)?
        var onGet: (@Sendable () throws(DeviceError) -> MigrationState)?
        var file = FakeFile()
        var calls: [String] = []
    }

    let script = Locked(Script())
    let identity = DeviceIdentity(driver: "fake")
    let features = MigrationFeatures.known
    let precopyInfoVersion: PrecopyInfoVersion? = .v2
    let losesStateOnClose = true

    func state() throws(DeviceError) -> MigrationState {
        let (state, onGet) = script.withLock { script in
            script.calls.append("GET")
            return (script.state, script.onGet)
        }
        return try onGet?() ?? state
    }

    func setState(
        _ state: MigrationState
    ) throws(DeviceError) -> (any MigrationDataFile)? {
        let (from, onSet) = script.withLock { script in
            script.calls.append("SET \(state.name)")
            return (script.state, script.onSet)
        }
        try onSet?(self, state)
        return script.withLock { script in
            script.state = state
            guard case .opens = Arc(from: from, to: state).sessionEffect else { return nil }
            return script.file
        }
    }

    func stopCopyLength() throws(DeviceError) -> UInt64? { 1000 }

    func reset() throws(DeviceError) {
        let onReset = script.withLock { script in
            script.calls.append("RESET")
            return script.onReset
        }
        try onReset?(self)
        script.withLock { $0.state = .running }
    }

    var calls: [String] { script.withLock { $0.calls } }
    var file: FakeFile { script.withLock { $0.file } }

    func onSet(
        _ body: @escaping @Sendable (FakeDevice, MigrationState) throws(DeviceError) -> Void
    ) {
        script.withLock { $0.onSet = body }
    }

    /// The device moves without the agent.
    func moves(to state: MigrationState) {
        script.withLock { $0.state = state }
    }
}

/// A data file that answers what a test has put there, in this order.
final class FakeFile: MigrationDataFile {
    enum Answer: Sendable {
        case count(Int)
        case errno(Errno)
        /// Does something in the middle of a read that finds nothing.
        case empty(@Sendable () -> Void)
    }

    private let answers = Locked<[Answer]>([])
    private let infos = Locked<[Result<PrecopyInfo, DeviceError>]>([])
    private let writes = Locked<[Result<Int, DeviceError>]>([])
    let written = Locked(0)
    let infoCalls = Locked(0)
    /// What a driver does when the file is closed.
    let onClose = Locked<(@Sendable () -> Void)?>(nil)

    deinit {
        onClose.withLock { $0 }?()
    }

    func willRead(_ answers: Answer...) {
        self.answers.withLock { $0 += answers }
    }

    func willTell(_ infos: Result<PrecopyInfo, DeviceError>...) {
        self.infos.withLock { $0 += infos }
    }

    func willTake(_ writes: Result<Int, DeviceError>...) {
        self.writes.withLock { $0 += writes }
    }

    func read(
        into buffer: inout OutputRawSpan, upTo limit: Int, begunIn state: MigrationState
    ) throws(DeviceError) -> ReadOutcome {
        let answer = answers.withLock { $0.isEmpty ? .count(0) : $0.removeFirst() }
        switch answer {
        case .count(let count):
            let taken = min(count, limit, buffer.freeCapacity)
            buffer.append(repeating: UInt8(7), count: taken, as: UInt8.self)
            return ReadOutcome(count: taken, begunIn: state)
        case .errno(.noMessage): return ReadOutcome(noMessageIn: state)
        case .errno(let errno): throw DeviceError("read of the data fd", errno)
        case .empty(let body):
            body()
            return ReadOutcome(count: 0, begunIn: state)
        }
    }

    func write(_ bytes: RawSpan) throws(DeviceError) -> Int {
        let answer = writes.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        let count = min(try answer?.get() ?? bytes.byteCount, bytes.byteCount)
        written.withLock { $0 += count }
        return count
    }

    func precopyInfo() throws(DeviceError) -> PrecopyInfo {
        infoCalls.withLock { $0 += 1 }
        let answer = infos.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        return try answer?.get() ?? PrecopyInfo(initialBytes: 0, dirtyBytes: 0)
    }
}

/// A controller over a fake device.
struct Bench {
    let device = FakeDevice()
    let controller: DeviceController

    init(
        in state: MigrationState = .running,
        window: UInt64 = DeviceController.defaultReplayWindow
    ) throws {
        device.moves(to: state)
        controller = try DeviceController(
            .named("fake0"), .simulated(SimulationPlan()), device, generation: 1,
            replayWindow: window)
        device.script.withLock { $0.calls = [] }
    }

    /// The bytes of the whole stream, and how it ended.
    func stream(
        _ bounds: SavingReader.Bounds = .init()
    ) throws -> (bytes: Int, last: SavingReader.Step) {
        let reader = try controller.openReader(bounds)
        var bytes = 0
        while true {
            let step = reader.next(watch: .none) { piece in
                bytes += piece.byteCount
                return true
            }
            if step == .sent { continue }
            if case .end = step {
                reader.finish(delivered: true)
            } else {
                reader.finish(delivered: false)
            }
            return (bytes, step)
        }
    }
}

extension SavingReader {
    /// The next step, and how many bytes it sent.
    func step() -> (step: Step, bytes: Int) {
        var bytes = 0
        let step = next(watch: .none) { piece in
            bytes += piece.byteCount
            return true
        }
        return (step, bytes)
    }
}

extension SavingReader.Step {
    /// It is the end of a stream, with its session in this phase and at this offset.
    func ends(_ phase: TransferSession.Phase, at offset: UInt64) -> Bool {
        if case .end(phase, offset, _) = self { true } else { false }
    }
}

extension DeviceController {
    /// The writer of a whole image.
    func openWriter() throws(DeviceProblem) -> ResumingWriter {
        try openWriter(UploadSegment())
    }
}

extension ResumingWriter {
    @discardableResult
    func finish(clean: Bool) -> TransferSession? {
        try? finish(isWhole: clean)
    }

    func write(_ bytes: [UInt8]) throws(DeviceProblem) {
        try write(bytes.span.bytes)
    }
}

/// The problem that a call ends in; nil if it succeeds.
func problem(_ body: () throws -> Void) -> DeviceProblem? {
    do {
        try body()
        return nil
    } catch {
        return error as? DeviceProblem
    }
}
