import Digests
import MigrationModel
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import Devices

@Suite("A saving session")
struct SavingTests {
    @Test("is read to its real end, over temporary ends and states")
    func wholeImage() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        let controller = bench.controller
        bench.device.file.willRead(
            .count(10), .count(0), .count(20), .errno(.noMessage),
            .empty { _ = try? controller.transition(to: .stopCopy) }, .count(30), .count(0))
        let (bytes, last) = try bench.stream()
        #expect(bytes == 60)
        #expect(last.ends(.complete, at: 60))
        #expect(bench.controller.snapshot.session?.phase == .complete)
    }

    @Test("does not take a 0 for the end that was on its way while the device stopped")
    func racingEnd() throws {
        // The read begins in PRE_COPY, the device moves to STOP_COPY, the read returns 0: a
        // temporary end. Taken for the real one, everything that STOP_COPY delivers would be lost.
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        let controller = bench.controller
        bench.device.file.willRead(
            .empty { _ = try? controller.transition(to: .stopCopy) }, .count(1000), .count(0))
        let (bytes, last) = try bench.stream()
        #expect(bytes == 1000)
        #expect(last.ends(.complete, at: 1000))
    }

    @Test("may stop at a temporary end or after some bytes, and goes on from there")
    func bounds() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        bench.device.file.willRead(.count(10), .count(0), .count(100), .count(100))
        var bounds = SavingReader.Bounds()
        bounds.untilDrained = true
        #expect(try bench.stream(bounds).last.ends(.drained, at: 10))
        #expect(bench.controller.snapshot.session?.phase == .drained)
        bounds = .init()
        bounds.limit = 150
        let (bytes, last) = try bench.stream(bounds)
        #expect(bytes == 150)
        #expect(last.ends(.active, at: 160))
    }

    @Test("has one reader")
    func oneReader() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        let reader = try bench.controller.openReader(.init())
        #expect(problem { _ = try bench.controller.openReader(.init()) } == .streamBusy(offset: 0))
        reader.finish(delivered: true)
        try bench.controller.openReader(.init()).finish(delivered: true)
    }

    @Test("fails without a window when bytes did not arrive, and the device can still go back")
    func cut() throws {
        let bench = try Bench(window: 0)
        _ = try bench.controller.transition(to: .preCopy)
        bench.device.file.willRead(.count(10))
        let reader = try bench.controller.openReader(.init())
        #expect(reader.step() == (.sent, 10))
        reader.finish(delivered: false)
        #expect(bench.controller.snapshot.session?.phase == .failed)
        guard
            case .sessionLost(.preCopy, _, let recovery) = problem({
                _ = try bench.controller.openReader(.init())
            })
        else {
            Issue.record("a session with a hole was read on")
            return
        }
        #expect(recovery.contains(.state(.running)))
        let report = try bench.controller.transition(to: .running)
        #expect(report.sessionEnded?.outcome == .rolledBack)
        #expect(report.sessionEnded?.undelivered == true)
    }

    @Test("goes on where the client says after a stream that was cut")
    func resumed() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        bench.device.file.willRead(.count(10), .count(2), .count(16))
        var bounds = SavingReader.Bounds()
        bounds.limit = 10
        let reader = try bench.controller.openReader(bounds)
        #expect(reader.step() == (.sent, 10))
        reader.finish(delivered: false)
        #expect(bench.controller.snapshot.session?.phase == .active)
        #expect(
            problem { _ = try bench.controller.openReader(.init()) }
                == .offsetRequired(offset: 10, earliest: 0))
        for (offset, isThere) in [(11, false), (10, true), (4, true)] as [(UInt64, Bool)] {
            bounds.offset = offset
            bounds.limit = 2
            if isThere {
                #expect(try bench.stream(bounds).bytes == 2)
            } else {
                #expect(
                    problem { _ = try bench.controller.openReader(bounds) }
                        == .offsetUnavailable(offset, offset: 10, earliest: 0))
            }
        }
        // Delivered: no offset is needed any more, and the rest follows.
        bounds = .init()
        bounds.untilDrained = true
        let (bytes, last) = try bench.stream(bounds)
        #expect(bytes == 16)
        #expect(last.ends(.drained, at: 28))
    }

    @Test("knows the digest of its image however it was read, and only if all of it was hashed")
    func digests() throws {
        let whole = try Bench()
        _ = try whole.controller.transition(to: .stopCopy)
        whole.device.file.willRead(.count(150_000), .count(150_000), .count(0))
        var bounds = SavingReader.Bounds()
        bounds.limit = 150_000
        _ = try whole.stream(bounds)
        bounds = .init()
        bounds.offset = 5
        _ = try whole.stream(bounds)
        var hash = SHA256()
        hash.update([UInt8](repeating: 7, count: 300_000).span.bytes)
        #expect(whole.controller.snapshot.session?.sha256 == hash.digest)

        let partly = try Bench()
        _ = try partly.controller.transition(to: .stopCopy)
        partly.device.file.willRead(.count(10), .count(10), .count(0))
        bounds = .init()
        bounds.limit = 10
        bounds.digests = false
        _ = try partly.stream(bounds)
        _ = try partly.stream()
        #expect(partly.controller.snapshot.session?.phase == .complete)
        #expect(partly.controller.snapshot.session?.sha256 == nil)
    }

    @Test("loses nothing when a reader leaves before it took anything")
    func leftEarly() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        try bench.controller.openReader(.init()).finish(delivered: false)
        #expect(bench.controller.snapshot.session?.phase == .active)
    }

    @Test("that is left breaks its stream without blaming the driver")
    func leftInTheMiddle() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        let controller = bench.controller
        bench.device.file.willRead(.empty { _ = try? controller.transition(to: .running) })
        #expect(try bench.stream().last == .broken)
        let session = try #require(bench.controller.snapshot.session)
        #expect(session.outcome == .rolledBack)
        #expect(session.lastError == nil)
    }

    @Test("fails with the driver's errno, and the device is looked at")
    func readError() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        bench.device.file.willRead(.count(5), .errno(.ioError))
        #expect(try bench.stream().last == .broken)
        #expect(bench.controller.snapshot.session?.lastError?.errno == .ioError)
        #expect(bench.controller.snapshot.session?.phase == .failed)
    }

    @Test(
        "is lost when the guest resets the device or the device goes to ERROR by itself",
        arguments: [MigrationState.running, .error])
    func lost(_ state: MigrationState) throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        bench.device.moves(to: state)
        bench.device.file.willRead(.errno(.operationNotSupportedByDevice))
        #expect(try bench.stream().last == .broken)
        let snapshot = bench.controller.snapshot
        #expect(snapshot.state == state)
        #expect(snapshot.session?.outcome == .lost)
    }

    @Test("tolerates ENOMSG in STOP_COPY once, and never takes it for the end")
    func violation() throws {
        let tolerant = try Bench()
        _ = try tolerant.controller.transition(to: .stopCopy)
        tolerant.device.file.willRead(.errno(.noMessage), .count(5), .count(0))
        #expect(try tolerant.stream().last.ends(.complete, at: 5))

        let broken = try Bench()
        _ = try broken.controller.transition(to: .stopCopy)
        broken.device.file.willRead(.count(5), .errno(.noMessage), .errno(.noMessage))
        #expect(try broken.stream().last == .broken)
        #expect(broken.controller.snapshot.session?.phase == .failed)
    }

    @Test("says whether everything was delivered when it ends")
    func outcome() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .stopCopy)
        bench.device.file.willRead(.count(5), .count(0))
        _ = try bench.stream()
        let report = try bench.controller.transition(to: .stop)
        #expect(report.sessionEnded?.outcome == .committed)
        #expect(report.sessionEnded?.undelivered == false)
        // The last session stays readable.
        #expect(bench.controller.snapshot.session?.offset == 5)
    }

    @Test("keeps an even pace")
    func pace() {
        let start = ContinuousClock.now
        var pace = Pace(bytesPerSecond: 1000, now: start)
        #expect(pace.largestPiece == 10)
        #expect(pace.wait(from: start) == .zero)
        pace.moved(10, at: start)
        #expect(pace.wait(from: start) == .milliseconds(10))
        // A moment of lateness is caught up with.
        pace.moved(10, at: start + .milliseconds(15))
        #expect(pace.wait(from: start + .milliseconds(15)) == .milliseconds(5))
        // Time that nobody used is not saved up.
        pace.moved(10, at: start + .seconds(10))
        pace.moved(10, at: start + .seconds(10))
        pace.moved(10, at: start + .seconds(10))
        #expect(pace.wait(from: start + .seconds(10)) == .milliseconds(10))
    }
}
