import MigrationModel
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import Devices

@Suite("A resuming session")
struct ResumingTests {
    private func bench(_ bytes: Int, clean: Bool = true) throws -> Bench {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .resuming)
        let writer = try bench.controller.openWriter()
        try writer.write([UInt8](repeating: 1, count: bytes))
        writer.finish(clean: clean)
        return bench
    }

    private func proof(_ bytes: UInt64? = nil, acceptUnverified: Bool = false) -> CommitProof {
        var proof = CommitProof()
        proof.bytes = bytes
        proof.acceptUnverified = acceptUnverified
        return proof
    }

    @Test("is committed on the source's word")
    func commit() throws {
        let bench = try bench(100)
        #expect(bench.controller.snapshot.session?.phase == .complete)
        let report = try bench.controller.transition(to: .running, proof: proof(100))
        #expect(report.arcs.map(\.arc.to) == [.stop, .runningP2P, .running])
        #expect(report.sessionEnded?.outcome == .committed)
    }

    @Test("is not committed without it, unless the client insists")
    func unverified() throws {
        let bench = try bench(100)
        let calls = bench.device.calls
        for target in [MigrationState.stop, .running, .runningP2P, .stopCopy, .preCopy] {
            guard
                case .imageUnverified = problem({
                    _ = try bench.controller.transition(to: target)
                })
            else {
                Issue.record("\(target.name) was let through")
                continue
            }
        }
        #expect(bench.device.calls == calls)
        _ = try bench.controller.transition(to: .stop, proof: proof(acceptUnverified: true))
    }

    @Test("is not committed when it is short, over-long, cut, empty or failed, insist or not")
    func incomplete() throws {
        let cut = try bench(100, clean: false)
        let empty = try Bench()
        _ = try empty.controller.transition(to: .resuming)
        for (bench, claim) in [
            (try bench(100), 101), (try bench(100), 99), (cut, 200), (cut, nil), (empty, nil),
            (empty, 0), (empty, 100),
        ] as [(Bench, UInt64?)] {
            let calls = bench.device.calls
            guard
                case .imageIncomplete = problem({
                    _ = try bench.controller.transition(
                        to: .stop, proof: proof(claim, acceptUnverified: true))
                })
            else {
                Issue.record("\(String(describing: claim)) was committed")
                continue
            }
            #expect(bench.device.calls == calls)
            #expect(bench.controller.snapshot.state == .resuming)
        }
    }

    @Test("is not committed while bytes are still on their way")
    func uploading() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .resuming)
        let writer = try bench.controller.openWriter()
        try writer.write([1, 2, 3])
        guard
            case .imageIncomplete = problem({
                _ = try bench.controller.transition(to: .stop, proof: proof(3))
            })
        else {
            Issue.record("committed")
            return
        }
        writer.finish(clean: true)
        _ = try bench.controller.transition(to: .stop, proof: proof(3))
    }

    @Test("writes what the driver leaves over, until it is gone")
    func partialWrites() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .resuming)
        bench.device.file.willTake(.success(1), .success(2))
        let writer = try bench.controller.openWriter()
        try writer.write([UInt8](repeating: 9, count: 10))
        #expect(bench.device.file.written.withLock { $0 } == 10)
        #expect(writer.finish(clean: true)?.offset == 10)
    }

    @Test("fails for good with the first refusal, and leaves by a reset alone")
    func latchedWrite() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .resuming)
        bench.device.file.willTake(.success(4), .failure(DeviceError("write", .badAddress)))
        let writer = try bench.controller.openWriter()
        guard
            case .writeRejected(let session, let error) = problem({
                try writer.write([UInt8](repeating: 9, count: 10))
            })
        else {
            Issue.record("no refusal")
            return
        }
        #expect(session.offset == 4)
        #expect(error.errno == .badAddress)
        // The driver would take this, as mtty does.
        #expect(problem { try writer.write([1]) } != nil)
        #expect(bench.device.file.written.withLock { $0 } == 4)
        writer.finish(clean: false)
        #expect(
            problem {
                _ = try bench.controller.transition(
                    to: .stop, proof: proof(4, acceptUnverified: true))
            } != nil)
        #expect(bench.controller.snapshot.state == .resuming)
        _ = try bench.controller.reset(idempotencyKey: "out")
    }

    @Test("treats a driver that takes nothing as a failure, not as a reason to spin")
    func takesNothing() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .resuming)
        bench.device.file.willTake(.success(0))
        let writer = try bench.controller.openWriter()
        #expect(problem { try writer.write([1]) } != nil)
        writer.finish(clean: false)
    }

    @Test("has one writer, which starts at the beginning")
    func oneWriter() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .resuming)
        let writer = try bench.controller.openWriter()
        #expect(problem { _ = try bench.controller.openWriter() } == .streamBusy(offset: 0))
        try writer.write([1, 2, 3])
        writer.finish(clean: true)
        #expect(problem { _ = try bench.controller.openWriter() } == .offsetMismatch(expected: 3))
    }

    @Test("fails when the driver refuses the commit")
    func refusedCommit() throws {
        let bench = try bench(100)
        bench.device.onSet { _, state throws(DeviceError) in
            if state == .stop { throw DeviceError("SET", .invalidArgument) }
        }
        guard
            case .arcFailed(let failure) = problem({
                _ = try bench.controller.transition(to: .stop, proof: proof(100))
            })
        else {
            Issue.record("no failure")
            return
        }
        #expect(failure.failedArc.isCommit)
        #expect(failure.recovery == [.reset])
        #expect(bench.controller.snapshot.session?.phase == .failed)
        // It does not get a second try: the driver may have thrown the image away.
        #expect(
            problem { _ = try bench.controller.transition(to: .stop, proof: proof(100)) } != nil)
    }

    @Test("that nobody knows anything of offers a reset alone")
    func attachedInResuming() throws {
        let bench = try Bench(in: .resuming)
        #expect(bench.controller.snapshot.reachableStates.isEmpty)
        guard
            case .sessionLost(.resuming, nil, let recovery) = problem({
                _ = try bench.controller.transition(
                    to: .stop, proof: proof(1, acceptUnverified: true))
            })
        else {
            Issue.record("an unknown image was committed")
            return
        }
        #expect(recovery == [.reset])
        #expect(problem { _ = try bench.controller.openWriter() } != nil)
    }
}
