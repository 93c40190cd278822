import MigrationModel
import SystemCalls
import Testing

@testable import Devices

@Suite("A claim")
struct ClaimTests {
    private static let ours = MigrationIdentifier("m1")
    private static let theirs = MigrationIdentifier("m2")

    private static let attempts: [@Sendable (DeviceController, Requester) throws -> Void] = [
        { _ = try $0.transition(to: .preCopy, by: $1) },
        { _ = try $0.transition(to: .running, by: $1) },
        { _ = try $0.reset(by: $1) },
        { _ = try $0.detach(force: true, by: $1) },
        { _ = try $0.openReader(SavingReader.Bounds(), by: $1) },
        { _ = try $0.openWriter(UploadSegment(), by: $1) },
    ]

    @Test("refuses everybody else, and asks the driver nothing", arguments: attempts.indices)
    func strangers(_ attempt: Int) throws {
        let (bench, ours) = (try Bench(), try #require(Self.ours))
        try bench.controller.claim(for: ours, in: .running)
        let calls = bench.device.calls
        for stranger in [nil, Self.theirs] {
            let refusal = problem {
                try Self.attempts[attempt](bench.controller, Requester(migration: stranger))
            }
            #expect(refusal == .claimed(ours))
        }
        #expect(bench.device.calls == calls)
    }

    @Test("lets its own migration through, and everybody once it is gone")
    func owner() throws {
        let (bench, ours) = (try Bench(), try #require(Self.ours))
        try bench.controller.claim(for: ours, in: .running)
        _ = try bench.controller.transition(to: .stop, by: Requester(migration: ours))
        bench.controller.release(from: try #require(Self.theirs))
        #expect(bench.controller.snapshot.claim?.migration == ours)
        bench.controller.release(from: ours)
        _ = try bench.controller.transition(to: .running)
    }

    @Test("is not given to a second migration, nor for a device in use")
    func conflicts() throws {
        let (ours, theirs) = (try #require(Self.ours), try #require(Self.theirs))
        let bench = try Bench()
        try bench.controller.claim(for: ours, in: .running)
        try bench.controller.claim(for: ours, in: .running)
        #expect(
            problem { try bench.controller.claim(for: theirs, in: .running) } == .claimed(ours))
        let busy = try Bench()
        _ = try busy.controller.transition(to: .preCopy)
        #expect(problem { try busy.controller.claim(for: ours, in: .running) } != nil)
        let stopped = try Bench()
        _ = try stopped.controller.transition(to: .stop)
        #expect(problem { try stopped.controller.claim(for: ours, in: .running) } != nil)
    }

    @Test("leaves a mark on what was handed over: it stays in STOP until a reset")
    func handedOver() throws {
        let (bench, ours) = (try Bench(), try #require(Self.ours))
        _ = try bench.controller.transition(to: .stop)
        let mark = HandedOver(migration: ours, destination: "http://there", at: .now)
        bench.controller.handOver(mark)
        for state in [MigrationState.running, .runningP2P, .stopCopy, .resuming, .preCopy] {
            #expect(
                problem { _ = try bench.controller.transition(to: state) } == .handedOver(mark))
        }
        _ = try bench.controller.transition(to: .stop)
        _ = try bench.controller.reset()
        #expect(bench.controller.snapshot.handedOver == nil)
        _ = try bench.controller.transition(to: .preCopy)
    }
}
