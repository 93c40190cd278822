import MigrationModel
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import Devices

@Suite("The sampler of PRECOPY_INFO")
struct SamplingTests {
    @Test("asks the driver no more often than the client wants it fresh")
    func maxAge() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        for _ in 0..<5 { _ = try bench.controller.precopySample(maxAge: .seconds(60)) }
        #expect(bench.device.file.infoCalls.withLock { $0 } == 1)
        _ = try bench.controller.precopySample(maxAge: .zero)
        #expect(bench.device.file.infoCalls.withLock { $0 } == 2)
    }

    @Test("is not valid outside pre-copy, and asks nothing there")
    func wrongState() throws {
        let bench = try Bench()
        #expect(
            problem { _ = try bench.controller.precopySample(maxAge: .zero) }
                == .stateMismatch(.running, session: nil))
        _ = try bench.controller.transition(to: .stopCopy)
        #expect(problem { _ = try bench.controller.precopySample(maxAge: .zero) } != nil)
        #expect(bench.device.file.infoCalls.withLock { $0 } == 0)
    }

    @Test("keeps the last value, marked stale, where PRE_COPY_P2P answers EINVAL")
    func stale() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        let info = PrecopyInfo(initialBytes: 12, dirtyBytes: 34)
        let refusal = DeviceError("PRECOPY_INFO", .invalidArgument)
        bench.device.file.willTell(.success(info), .failure(refusal))
        #expect(try bench.controller.precopySample(maxAge: .zero).isStale == false)
        _ = try bench.controller.transition(to: .preCopyP2P)
        let sample = try bench.controller.precopySample(maxAge: .zero)
        #expect(sample.info == info)
        #expect(sample.isStale)
    }

    @Test("says when the driver has no such call")
    func unsupported() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        bench.device.file.willTell(
            .failure(DeviceError("PRECOPY_INFO", .inappropriateIOCTLForDevice)))
        #expect(
            problem { _ = try bench.controller.precopySample(maxAge: .zero) }
                == .notSupported("PRECOPY_INFO"))
    }

    @Test("is needed once a second by an idle stream")
    func idleStream() throws {
        let bench = try Bench()
        _ = try bench.controller.transition(to: .preCopy)
        let controller = bench.controller
        bench.device.file.willRead(
            .count(1), .count(0), .count(0),
            .empty { _ = try? controller.transition(to: .stopCopy) }, .count(0))
        _ = try bench.stream()
        #expect(bench.device.file.infoCalls.withLock { $0 } == 1)
    }
}
