import Devices
import Glibc
import MigrationModel
import SystemPackage
import TestSupport
import Testing

@testable import SimulatedDevices

/// A directory of a test's own, and agents that come and go on it.
private final class KeptHost {
    let folder: FilePath
    let clock = ManualClock()
    var plan = SimulationPlan()

    init() throws {
        var template = Array("/tmp/ferry-kept-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        folder = FilePath(String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self))
        plan.initialBytes = 100_000
        plan.stopCopyBytes = 10_000
        plan.lastCloseResets = false
    }

    deinit {
        for name in ["sim0", "sim1"] { unlink(folder.appending(name).string) }
        rmdir(folder.string)
    }

    /// An agent opens the device, and is gone afterwards.
    @discardableResult
    func once<Result>(
        _ id: String = "sim0", _ body: (SimulatedDevice) throws -> Result
    ) throws -> Result {
        let host = try SimulatedHost(keptIn: folder, clock: clock)
        return try body(try host.open(plan, as: .named(id)))
    }

    /// The device's file, as bytes.
    var record: [UInt8] {
        get throws {
            let file = try FileDescriptor.open(folder.appending("sim0"), .readOnly)
            defer { try? file.close() }
            return try [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
            }
        }
    }

    func write(_ bytes: [UInt8]) throws {
        let file = try FileDescriptor.open(
            folder.appending("sim0"), .writeOnly, options: .truncate)
        defer { try? file.close() }
        _ = try file.writeAll(bytes)
    }
}

@Suite("A simulated device that outlives its agent")
struct KeptDeviceTests {
    @Test(
        "is found in the state that it was in, without its session",
        arguments: MigrationState.known.filter { $0 != .error })
    func states(_ state: MigrationState) throws {
        let kept = try KeptHost()
        try kept.once { _ = try $0.take(to: state) }
        try kept.once { device throws in
            #expect(try device.state() == state)
            // No data file comes back.
            #expect(try device.take(to: state) == nil)
        }
    }

    @Test("can go where its state lets it, and RESUMING is left by a reset alone")
    func recovery() throws {
        let kept = try KeptHost()
        let before = try kept.once { device throws in
            let checksum = device.identity.stateChecksum
            try device.take(to: .stopCopy)
            return checksum
        }
        try kept.once { device throws in
            #expect(device.identity.stateChecksum == before)
            try device.take(to: .running)
            let file = try #require(try device.take(to: .resuming))
            try file.writeAll([1, 2, 3].reversed())
        }
        try kept.once { device throws in
            #expect(failure { try device.take(to: .stop) } == .invalidArgument)
            #expect(try device.state() == .resuming)
            try device.reset()
        }
        try kept.once { device throws in
            #expect(try device.state() == .running)
            #expect(device.identity.stateChecksum == before)
        }
    }

    @Test("keeps the image that it has committed, until a reset")
    func commit() throws {
        let kept = try KeptHost()
        let source = try Rig { $0.seed = 9 }.open()
        let image = try #require(try source.take(to: .stopCopy)).drained(in: .stopCopy)
        let blank = try kept.once { device throws in
            let checksum = device.identity.stateChecksum
            let file = try #require(try device.take(to: .resuming))
            try file.writeAll(image)
            try device.take(to: .stop)
            return checksum
        }
        try kept.once { device throws in
            #expect(try device.state() == .stop)
            #expect(device.identity.stateChecksum == source.identity.stateChecksum)
            try device.reset()
            #expect(device.identity.stateChecksum == blank)
        }
        #expect(try kept.once { $0.identity.stateChecksum } == blank)
    }

    @Test("goes on being dirtied where it runs, and stands still where it stands")
    func time() throws {
        let kept = try KeptHost()
        kept.plan.dirtyBytesPerSecond = 1_000_000
        let alone = Rig { $0.dirtyBytesPerSecond = 1_000_000 }
        let other = try alone.open()
        func pass() {
            kept.clock.pass(.milliseconds(1234))
            alone.clock.pass(.milliseconds(1234))
        }
        try kept.once { _ = try $0.state() }
        pass()
        try kept.once { _ = try $0.state() }
        pass()
        try kept.once { _ = try $0.take(to: .stop) }
        try other.take(to: .stop)
        let stopped = try kept.once { $0.identity.stateChecksum }
        #expect(stopped == other.identity.stateChecksum)
        pass()
        #expect(try kept.once { $0.identity.stateChecksum } == stopped)
        // Nothing is lost with an agent, not even a part of a block.
        for state in [MigrationState.running, .runningP2P, .running, .stop] {
            try kept.once { _ = try $0.take(to: state) }
            try other.take(to: state)
            pass()
        }
        #expect(try kept.once { $0.identity.stateChecksum } == other.identity.stateChecksum)
    }

    @Test("stays in ERROR, and counts its faults on")
    func faults() throws {
        let kept = try KeptHost()
        kept.plan.faults = [
            .init(on: .arc, nth: 2, action: .errno(.resourceBusy)),
            .init(on: .arc, nth: 4, action: .errorState),
        ]
        try kept.once { device throws in
            try device.take(to: .runningP2P)
            #expect(failure { try device.take(to: .stop) } == .resourceBusy)
        }
        try kept.once { device throws in
            try device.take(to: .stop)
            #expect(failure { try device.take(to: .resuming) } == .ioError)
        }
        #expect(try kept.once { try $0.state() } == .error)
    }

    @Test("is another one under another id, and by another plan")
    func others() throws {
        let kept = try KeptHost()
        try kept.once { _ = try $0.take(to: .stop) }
        #expect(try kept.once("sim1") { try $0.state() } == .running)
        kept.plan.faults = [.init(on: .write, nth: 7, action: .stall(milliseconds: 3))]
        #expect(try kept.once { try $0.state() } == .running)
    }

    @Test("is not written over by one that had its id before")
    func replaced() throws {
        let kept = try KeptHost()
        do {
            let host = try SimulatedHost(keptIn: kept.folder, clock: kept.clock)
            var other = kept.plan
            other.seed = 2
            let before = try host.open(other, as: .named("sim0"))
            try host.open(kept.plan, as: .named("sim0")).take(to: .stop)
            try before.take(to: .preCopy)
        }
        #expect(try kept.once { try $0.state() } == .stop)
    }

    @Test("lives in a time that is the same for all agents")
    func hostTime() {
        let first = HostClock()
        let before = first.now
        #expect(before > .seconds(1))
        #expect(HostClock().now >= before)
    }

    @Test("is reset with its last close if its plan says so")
    func resetting() throws {
        let kept = try KeptHost()
        kept.plan.lastCloseResets = true
        try kept.once { _ = try $0.take(to: .stop) }
        #expect(try kept.once { try $0.state() } == .running)
    }

    @Test("is a new one where its file was cut or changed", arguments: [0, 1, 9, 60, 127])
    func damagedFile(_ place: Int) throws {
        let kept = try KeptHost()
        try kept.once { _ = try $0.take(to: .stop) }
        let record = try kept.record
        try kept.write(Array(record.prefix(place)))
        #expect(try kept.once { try $0.state() } == .running)
        var changed = record
        changed[place] ^= 1
        try kept.write(changed)
        #expect(try kept.once { try $0.state() } == .running)
        try kept.write(record)
        #expect(try kept.once { try $0.state() } == .stop)
    }

    @Test("belongs to one agent at a time")
    func lock() throws {
        let kept = try KeptHost()
        try kept.once { _ throws in
            #expect(throws: Errno.wouldBlock) {
                _ = try SimulatedHost(keptIn: kept.folder, clock: kept.clock)
            }
        }
    }

    @Test("is told apart from all others by its plan")
    func fingerprints() {
        let changes: [(inout SimulationPlan) -> Void] = [
            { _ in }, { $0.features = .stopCopy }, { $0.initialBytes += 1 },
            { $0.stopCopyBytes += 1 }, { $0.dirtyBytesPerSecond += 1 }, { $0.seed += 1 },
            { $0.temporaryEnd = .zero }, { $0.arcLatencyMicroseconds += 1 },
            { $0.precopyInfo = .patchV7 }, { $0.lastCloseResets = false },
            { $0.faults = [.init(on: .arc, nth: 1, action: .errno(.ioError))] },
            { $0.faults = [.init(on: .arc, nth: 1, action: .errno(.noSpace))] },
            { $0.faults = [.init(on: .read, nth: 1, action: .errno(.ioError))] },
            { $0.faults = [.init(on: .arc, nth: 2, action: .errno(.ioError))] },
            { $0.faults = [.init(on: .arc, nth: 1, action: .errorState)] },
            { $0.faults = [.init(on: .arc, nth: 1, action: .stall(milliseconds: 1))] },
        ]
        let fingerprints = changes.map { change in
            var plan = SimulationPlan()
            change(&plan)
            return plan.fingerprint
        }
        #expect(Set(fingerprints).count == changes.count)
    }
}
