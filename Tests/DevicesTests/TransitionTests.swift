import MigrationModel
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import Devices

@Suite("A transition")
struct TransitionTests {
    @Test("looks once, then asks for one arc at a time")
    func arcByArc() throws {
        let bench = try Bench()
        let report = try bench.controller.transition(to: .stopCopy)
        #expect(bench.device.calls == ["GET", "SET RUNNING_P2P", "SET STOP", "SET STOP_COPY"])
        #expect(report.arcs.map(\.arc.to) == [.runningP2P, .stop, .stopCopy])
        #expect(report.state == .stopCopy)
        #expect(report.session?.direction == .saving)
        // Every arc is a generation of its own.
        #expect(report.generation == 4)
        #expect(bench.controller.snapshot.lastTransition == .success(report))
    }

    @Test("to where the device is already asks it nothing")
    func alreadyThere() throws {
        let bench = try Bench()
        let report = try bench.controller.transition(to: .running)
        #expect(report.arcs.isEmpty)
        #expect(report.generation == 1)
        #expect(bench.device.calls.isEmpty)
    }

    @Test("from STOP_COPY to pre-copy is refused and reaches no driver")
    func stopCopyToPreCopy() throws {
        let bench = try Bench()
        try _ = bench.controller.transition(to: .stopCopy)
        let calls = bench.device.calls
        for target in [MigrationState.preCopy, .preCopyP2P] {
            let refusal = problem { _ = try bench.controller.transition(to: target) }
            #expect(
                refusal
                    == .invalidTransition(
                        from: .stopCopy, to: target,
                        reachable: [.stop, .running, .resuming, .runningP2P]))
        }
        #expect(bench.device.calls == calls)
    }

    @Test("to or from ERROR and states of newer kernels is refused and reaches no driver")
    func strangeStates() throws {
        for state in [MigrationState.error, .unknown(8)] {
            let bench = try Bench(in: state)
            for target in MigrationState.known {
                let refusal = problem { _ = try bench.controller.transition(to: target) }
                #expect(
                    refusal == .invalidTransition(from: state, to: target, reachable: []))
            }
            #expect(bench.device.calls.isEmpty)
        }
    }

    @Test("begins where the device really is: a guest may have reset it")
    func guestReset() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        bench.device.moves(to: .running)
        let report = try bench.controller.transition(to: .stopCopy)
        // Not PRE_COPY_P2P, which would have opened a second session by the way.
        #expect(report.arcs.map(\.arc.to) == [.runningP2P, .stop, .stopCopy])
        #expect(report.session?.isOpen == true)
    }

    @Test("does not send STOP_COPY to pre-copy when somebody else has stopped the device")
    func movedByOthers() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopyP2P)
        bench.device.moves(to: .stopCopy)
        let refusal = problem { _ = try bench.controller.transition(to: .preCopy) }
        guard case .invalidTransition(from: .stopCopy, to: .preCopy, _) = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(!bench.device.calls.contains("SET PRE_COPY"))
        // The session goes on: the data fd is the same.
        #expect(bench.controller.snapshot.session?.isOpen == true)
    }

    @Test("that fails says where it stands")
    func failure() throws {
        let bench = try Bench()
        bench.device.onSet { _, state throws(DeviceError) in
            if state == .stop { throw DeviceError("SET", .ioError) }
        }
        guard
            case .arcFailed(let failure) = problem({
                _ = try bench.controller.transition(to: .resuming)
            })
        else {
            Issue.record("no failure")
            return
        }
        #expect(failure.stateBefore == .running)
        #expect(failure.completedArcs.map(\.arc.to) == [.runningP2P])
        #expect(failure.failedArc == Arc(from: .runningP2P, to: .stop))
        #expect(failure.stateAfter == .runningP2P)
        #expect(failure.recovery.contains(.state(.running)))
        #expect(bench.controller.snapshot.transition == nil)
        #expect(bench.controller.snapshot.lastError?.errno == .ioError)
    }

    @Test("with EMFILE has changed the state, and there is no session")
    func emfile() throws {
        let bench = try Bench()
        bench.device.onSet { device, state throws(DeviceError) in
            device.moves(to: state)
            throw DeviceError("SET", .tooManyOpenFiles)
        }
        guard
            case .arcFailed(let failure) = problem({
                _ = try bench.controller.transition(to: .preCopy)
            })
        else {
            Issue.record("no failure")
            return
        }
        #expect(failure.stateAfter == .preCopy)
        let snapshot = bench.controller.snapshot
        #expect(snapshot.state == .preCopy)
        #expect(snapshot.session == nil)
        // It can go back, but not on: there is no way to its data.
        #expect(snapshot.reachableStates == [.stop, .running, .resuming, .runningP2P])
        guard
            case .sessionLost = problem({
                _ = try bench.controller.transition(to: .stopCopy)
            })
        else {
            Issue.record("a device without its session was stopped")
            return
        }
    }

    @Test("with EBUSY leaves the session alone")
    func busy() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        bench.device.onSet { _, _ throws(DeviceError) in
            throw DeviceError("SET", .resourceBusy)
        }
        #expect(problem { _ = try bench.controller.transition(to: .stopCopy) } != nil)
        #expect(problem { _ = try bench.controller.transition(to: .running) } != nil)
        #expect(bench.controller.snapshot.session?.phase == .active)
        bench.device.onSet { _, _ throws(DeviceError) in }
        _ = try bench.controller.transition(to: .stopCopy)
    }

    @Test("out of pre-copy that fails latches the session: the driver may have freed it")
    func latch() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        bench.device.onSet { _, _ throws(DeviceError) in throw DeviceError("SET", .ioError) }
        guard
            case .arcFailed(let failure) = problem({
                _ = try bench.controller.transition(to: .running)
            })
        else {
            Issue.record("no failure")
            return
        }
        #expect(failure.recovery == [.resetWhenIdle])
        let calls = bench.device.calls
        #expect(bench.controller.snapshot.session?.phase == .failed)
        #expect(bench.controller.snapshot.reachableStates.isEmpty)
        for state in [MigrationState.running, .stopCopy, .stop] {
            #expect(problem { _ = try bench.controller.transition(to: state) } != nil)
        }
        #expect(problem { _ = try bench.controller.precopySample(maxAge: .zero) } != nil)
        #expect(problem { _ = try bench.controller.openReader(.init()) } != nil)
        // Neither a retry nor a PRECOPY_INFO reached the driver.
        #expect(bench.device.calls == calls)
        #expect(bench.device.file.infoCalls.withLock { $0 } == 0)
        _ = try bench.controller.reset()
        #expect(bench.controller.snapshot.reachableStates.count == 6)
    }

    @Test("is the only one: a second client is refused at once and sees how far the first is")
    func oneWriter() throws {
        let bench = try Bench()
        let gate = Locked(false)
        bench.device.onSet { _, state throws(DeviceError) in
            if state == .stop {
                _ = gate.wait(until: .now + .seconds(20)) { $0 ? true : nil }
            }
        }
        let controller = bench.controller
        let done = Locked(false)
        try Thread(name: "first") {
            _ = try? controller.transition(to: .stopCopy)
            done.change { $0 = true }
        }.detach()
        let seen = controller.snapshot(
            above: 1, until: .now + .seconds(20), watch: .none)
        #expect(seen.state == .runningP2P)
        guard
            case .transitionInProgress(let transition?) = problem({
                _ = try controller.transition(to: .running)
            })
        else {
            Issue.record("a second writer was let in")
            return
        }
        #expect(transition.from == .running)
        #expect(transition.to == .stopCopy)
        #expect(problem { _ = try controller.reset() } != nil)
        gate.change { $0 = true }
        #expect(done.wait(until: .now + .seconds(20)) { $0 ? true : nil } == true)
        #expect(controller.snapshot.state == .stopCopy)
    }

    @Test("happens only at the generation that the client knows")
    func precondition() throws {
        let bench = try Bench()
        let stale = Requester(generations: [7], isConditional: true)
        #expect(
            problem { _ = try bench.controller.transition(to: .stop, by: stale) }
                == .preconditionFailed(generation: 1))
        let fresh = Requester(generations: [1], isConditional: true)
        _ = try bench.controller.transition(to: .stop, by: fresh)
        #expect(bench.controller.snapshot.generation == 3)
    }

    @Test("closes a data file while everybody is still answered")
    func closing() throws {
        let bench = try Bench()
        let controller = bench.controller
        _ = try controller.transition(to: .stopCopy)
        let wasAnswered = Locked<Bool?>(nil)
        bench.device.file.onClose.withLock { onClose in
            onClose = {
                let answered = Locked(false)
                try? Thread(name: "asks") {
                    _ = controller.snapshot
                    answered.change { $0 = true }
                }.detach()
                let seen = answered.wait(until: .now + .seconds(5)) { $0 ? true : nil }
                wasAnswered.withLock { $0 = seen ?? false }
            }
        }
        // The session has it alone from now on.
        bench.device.script.withLock { $0.file = FakeFile() }
        _ = try controller.transition(to: .stop)
        #expect(wasAnswered.withLock { $0 } == true)
    }
}
