import MigrationModel
import SystemCalls
import SystemPackage
import TestSupport
import Testing

@testable import Devices

/// Opens fake devices; a group's device has a name on the host.
private final class FakeOpener: DeviceOpener {
    let refusal = Locked<AttachProblem?>(nil)

    func hostName(of source: DeviceSource) -> String? {
        if case .group(_, let device) = source { device } else { nil }
    }

    func hostDevices() -> [HostDevice] { [] }

    func open(
        _ source: DeviceSource, as id: DeviceIdentifier
    ) throws(AttachProblem) -> any MigratableDevice {
        if let refusal = refusal.withLock({ $0 }) { throw refusal }
        return FakeDevice()
    }
}

@Suite("The registry")
struct RegistryTests {
    private let simulated = DeviceSource.simulated(SimulationPlan())
    private let group = DeviceSource.group(number: 12, device: "0000:3b:00.2")

    private func refusal(_ body: () throws -> Void) -> AttachProblem? {
        do {
            try body()
            return nil
        } catch {
            return error as? AttachProblem
        }
    }

    @Test("names devices by what the host calls them, or by the first free number")
    func names() throws {
        let registry = DeviceRegistry(opener: FakeOpener())
        #expect(try registry.attach(group).id == .named("0000:3b:00.2"))
        #expect(try registry.attach(simulated).id == .named("sim0"))
        #expect(try registry.attach(simulated, as: .named("sim2")).id == .named("sim2"))
        #expect(try registry.attach(simulated).id == .named("sim1"))
        #expect(try registry.attach(simulated).id == .named("sim3"))
        #expect(refusal { _ = try registry.attach(simulated, as: .named("sim2")) } != nil)
    }

    @Test("attaches a device of the host once, under whatever id")
    func once() throws {
        let registry = DeviceRegistry(opener: FakeOpener())
        let device = try registry.attach(group, as: .named("nic"))
        guard case .inUse = refusal({ _ = try registry.attach(group, as: .named("other")) }) else {
            Issue.record("two controllers over one device")
            return
        }
        try registry.detach(device, force: false)
        _ = try registry.attach(group, as: .named("other"))
    }

    @Test("forgets what could not be opened")
    func failedOpen() throws {
        let opener = FakeOpener()
        let registry = DeviceRegistry(opener: opener)
        let problem = AttachProblem.failed("nic", DeviceError("open", .noSuchFileOrDirectory))
        opener.refusal.withLock { $0 = problem }
        #expect(refusal { _ = try registry.attach(group) } == problem)
        opener.refusal.withLock { $0 = nil }
        _ = try registry.attach(group)
    }

    @Test("gives a device that comes again a generation that it did not have before")
    func generations() throws {
        let registry = DeviceRegistry(opener: FakeOpener())
        let first = try registry.attach(simulated)
        _ = try first.transition(to: .stop)
        let last = first.snapshot.generation
        try registry.detach(first, force: false)
        #expect(try registry.attach(simulated).snapshot.generation > last)
    }

    @Test("lets go of a device with an open session only by force, or once its image is out")
    func detach() throws {
        let registry = DeviceRegistry(opener: FakeOpener())
        let device = try registry.attach(simulated)
        _ = try device.transition(to: .preCopy)
        guard case .sessionActive = problem({ try registry.detach(device, force: false) }) else {
            Issue.record("an open session was dropped")
            return
        }
        try registry.detach(device, force: true)
        #expect(registry.device(device.id) == nil)
        #expect(problem { _ = try device.transition(to: .running) } == .detached)
        #expect(device.snapshot.session?.outcome == .lost)

        let other = try registry.attach(simulated)
        _ = try other.transition(to: .stopCopy)
        let reader = try other.openReader(.init())
        #expect(reader.step().step.ends(.complete, at: 0))
        reader.finish(delivered: true)
        try registry.detach(other, force: false)
    }

    @Test("cuts pages in the order of the ids, filters included")
    func pages() throws {
        let registry = DeviceRegistry(opener: FakeOpener())
        for number in [5, 3, 9, 1, 7] {
            _ = try registry.attach(simulated, as: .named("dev\(number)"))
        }
        let first = registry.page(after: nil, limit: 2) { _ in true }
        #expect(first.devices.map(\.id.description) == ["dev1", "dev3"])
        let second = registry.page(after: first.next, limit: 2) { _ in true }
        #expect(second.devices.map(\.id.description) == ["dev5", "dev7"])
        let third = registry.page(after: second.next, limit: 2) { _ in true }
        #expect(third.devices.map(\.id.description) == ["dev9"])
        #expect(third.next == nil)
        // A page that is exactly full has no next one; a token of a device that has gone still works.
        #expect(registry.page(after: nil, limit: 5) { _ in true }.next == nil)
        let after = registry.page(after: .named("dev4"), limit: 1) { $0.id != .named("dev5") }
        #expect(after.devices.map(\.id.description) == ["dev7"])
    }
}
