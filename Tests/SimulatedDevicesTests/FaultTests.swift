import Devices
import MigrationModel
import SystemPackage
import TestSupport
import Testing

@testable import SimulatedDevices

@Suite("The fault plan of a simulated device")
struct FaultTests {
    @Test("fails the n-th arc with an errno, and changes nothing")
    func arcErrno() throws {
        let device = try Rig {
            $0.faults = [.init(on: .arc, nth: 2, action: .errno(.resourceBusy))]
        }.open()
        try device.take(to: .runningP2P)
        #expect(failure { try device.take(to: .stop) } == .resourceBusy)
        #expect(try device.state() == .runningP2P)
        try device.take(to: .stop)
        #expect(try device.state() == .stop)
    }

    @Test("stops a combination transition where its arc fails")
    func combination() throws {
        let device = try Rig {
            $0.faults = [.init(on: .arc, nth: 2, action: .errno(.ioError))]
        }.open()
        #expect(failure { try device.take(to: .stopCopy) } == .ioError)
        #expect(try device.state() == .runningP2P)
    }

    @Test("goes to ERROR on an arc, a read, a write or while idle; only a reset leads out")
    func errorState() throws {
        for event in SimulationPlan.Event.allCases {
            let device = try Rig {
                $0.faults = [.init(on: event, nth: event == .arc ? 2 : 1, action: .errorState)]
            }.open()
            switch event {
            case .arc:
                #expect(failure { try device.take(to: .stop) } == .ioError)
            case .read:
                let file = try #require(try device.take(to: .preCopy))
                #expect(failure { _ = try file.drained(in: .preCopy) } == .ioError)
            case .write:
                let file = try #require(try device.take(to: .resuming))
                #expect(failure { try file.writeAll([1]) } == .ioError)
            case .idle:
                let file = try #require(try device.take(to: .preCopy))
                #expect(failure { _ = try file.drained(in: .preCopy) } == .ioError)
            }
            #expect(try device.state() == .error, "\(event)")
            #expect(failure { try device.take(to: .running) } == .invalidArgument)
            try device.reset()
            #expect(try device.state() == .running)
        }
    }

    @Test("returns EMFILE after the state has changed")
    func emfileAfter() throws {
        let device = try Rig {
            $0.faults = [.init(on: .arc, nth: 1, action: .emfileAfter)]
        }.open()
        #expect(failure { try device.take(to: .preCopy) } == .tooManyOpenFiles)
        #expect(try device.state() == .preCopy)
        #expect(try device.setState(.preCopy) == nil)
    }

    @Test("stalls, and arcs have their latency")
    func stall() throws {
        let rig = Rig {
            $0.arcLatencyMicroseconds = 500
            $0.faults = [.init(on: .arc, nth: 1, action: .stall(milliseconds: 70))]
        }
        let device = try rig.open()
        try device.take(to: .stop)
        #expect(rig.clock.now == .milliseconds(71))
    }

    @Test("latches a refused write")
    func latchedWrite() throws {
        let device = try Rig {
            $0.faults = [.init(on: .write, nth: 2, action: .errno(.noSpace))]
        }.open()
        let source = try Rig().open()
        let image = try #require(try source.take(to: .stopCopy)).drained(in: .stopCopy)
        let file = try #require(try device.take(to: .resuming))
        try file.writeAll(Array(image.prefix(1000)))
        #expect(failure { try file.writeAll(Array(image.dropFirst(1000))) } == .noSpace)
        #expect(failure { try file.writeAll(Array(image.dropFirst(1000))) } == .noSpace)
        #expect(failure { try device.take(to: .stop) } == .invalidArgument)
    }
}

@Suite("A simulated device's files")
struct FileTests {
    @Test("reset it with the last close, unless the plan says otherwise")
    func lastClose() throws {
        let resetting = Rig()
        do {
            let device = try resetting.open()
            try device.take(to: .stop)
        }
        #expect(try resetting.open().state() == .running)

        let keeping = Rig { $0.lastCloseResets = false }
        do {
            let device = try keeping.open()
            try device.take(to: .preCopy)
        }
        let again = try keeping.open()
        #expect(try again.state() == .preCopy)
        #expect(try keeping.open("sim1").state() == .running)
    }

    @Test("share one device")
    func sharing() throws {
        let rig = Rig { $0.lastCloseResets = false }
        let one = try rig.open()
        let other = try rig.open()
        try one.take(to: .stop)
        #expect(try other.state() == .stop)
    }

    @Test("ask for PRECOPY_INFO as the patch, as Linux 7.3 or not at all has it")
    func precopyInfo() throws {
        for support in SimulationPlan.PrecopyInfoSupport.allCases {
            let device = try Rig { $0.precopyInfo = support }.open()
            let file = try #require(try device.take(to: .preCopy))
            let inPreCopy = failure { _ = try file.precopyInfo() }
            try device.take(to: .preCopyP2P)
            let inPreCopyP2P = failure { _ = try file.precopyInfo() }
            switch support {
            case .patchV7:
                #expect(inPreCopy == nil)
                #expect(inPreCopyP2P == .invalidArgument)
                #expect(device.precopyInfoVersion == .v1)
            case .current:
                #expect(inPreCopy == nil)
                #expect(inPreCopyP2P == nil)
                #expect(device.precopyInfoVersion == .v2)
            case .unsupported:
                #expect(inPreCopy == .inappropriateIOCTLForDevice)
                #expect(inPreCopyP2P == .inappropriateIOCTLForDevice)
            }
        }
    }
}
