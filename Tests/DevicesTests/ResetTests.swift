import MigrationModel
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import Devices

@Suite("A reset")
struct ResetTests {
    @Test("ends the session, whatever it was")
    func endsSession() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        let report = try bench.controller.reset()
        #expect(report.state == .running)
        #expect(report.sessionEnded?.outcome == .reset)
        #expect(report.sessionEnded?.undelivered == true)
        #expect(bench.controller.snapshot.session?.phase == .ended)
    }

    @Test(
        "wants a precondition or a key where it loses data",
        arguments: [
            MigrationState.resuming, .stopCopy,
        ])
    func precondition(_ state: MigrationState) throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: state)
        #expect(problem { _ = try bench.controller.reset() } == .preconditionRequired(state))
        #expect(!bench.device.calls.contains("RESET"))
        _ = try bench.controller.reset(idempotencyKey: "one")
        #expect(bench.controller.snapshot.state == .running)
    }

    @Test("with a key that was answered before answers again and resets nothing")
    func idempotency() throws {
        let bench = try Bench()
        let first = try bench.controller.reset(idempotencyKey: "one")
        _ = try bench.controller.transition(to: .stop)
        let again = try bench.controller.reset(idempotencyKey: "one")
        #expect(again == first)
        #expect(bench.device.calls.filter { $0 == "RESET" }.count == 1)
        #expect(bench.controller.snapshot.state == .stop)
        _ = try bench.controller.reset(idempotencyKey: "two")
        #expect(bench.device.calls.filter { $0 == "RESET" }.count == 2)
    }

    @Test("that fails can be tried again under the same key")
    func failedReset() throws {
        let bench = try Bench()
        bench.device.script.withLock { script in
            script.onReset = { _ throws(DeviceError) in
                throw DeviceError("RESET", .resourceTemporarilyUnavailable)
            }
        }
        guard
            case .resetFailed(let error, state: .running) = problem({
                _ = try bench.controller.reset(idempotencyKey: "one")
            })
        else {
            Issue.record("no failure")
            return
        }
        #expect(error.errno == .resourceTemporarilyUnavailable)
        bench.device.script.withLock { $0.onReset = nil }
        _ = try bench.controller.reset(idempotencyKey: "one")
        #expect(bench.device.calls.filter { $0 == "RESET" }.count == 2)
    }

    @Test("is the way out of ERROR")
    func error() throws {
        let bench = try Bench(in: .error)
        #expect(bench.controller.snapshot.reachableStates.isEmpty)
        _ = try bench.controller.reset()
        #expect(bench.controller.snapshot.state == .running)
    }
}
