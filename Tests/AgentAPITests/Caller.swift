import Devices
import HTTPServer
import JSON
import Logging
import Orchestration
import SimulatedDevices
import SystemPackage
import TestSupport

@testable import AgentAPI

/// The API without a server: requests go in by hand, answers come out whole.
struct Caller {
    let api: AgentAPI
    let registry: DeviceRegistry

    init(simulates: Bool = true) {
        let opener = SimulatedOpener(isOn: simulates)
        registry = DeviceRegistry(opener: opener)
        let agent = AgentDescription(
            id: "test", version: "0", simulates: simulates, cdevs: "/dev/vfio/devices")
        var log = Logger(label: "test")
        log.logLevel = .critical
        let state = FilePath("/tmp/ferry-api-\(UInt64.random(in: .min ... .max))")
        guard let directory = try? StateDirectory(state) else {
            preconditionFailure("there is no room for a state directory")
        }
        let migrations = Migrations(
            registry, directory, AgentAPI.codec, limits: MigrationLimits(), log: log)
        api = AgentAPI(agent, registry, migrations, opener: opener, log: log)
    }

    /// An answer, its body read.
    struct Answer {
        let status: Int
        let fields: HeaderFields
        let json: JSONObject
        let text: String

        var code: String? {
            if case .string(let code)? = json["code"] { code } else { nil }
        }

        func string(_ name: String) -> String? {
            if case .string(let text)? = json[name] { text } else { nil }
        }
    }

    func call(
        _ method: String, _ target: String, _ body: String? = nil,
        _ fields: [(String, String)] = [], isHTTP10: Bool = false
    ) -> Answer {
        var header = HeaderFields()
        header.append("Host", "test")
        if let body {
            header.append("Content-Length", "\(body.utf8.count)")
            if !fields.contains(where: { $0.0 == "Content-Type" }) {
                header.append("Content-Type", "application/json")
            }
        }
        for (name, value) in fields { header.append(name, value) }
        let head = RequestHead(
            method: method, rawTarget: target, isHTTP10: isHTTP10, fields: header)
        switch api.receive(head) {
        case .answer(let answer): return read(answer())
        case .refuse(let response): return read(response)
        case .collect(let limit, let then, let tooLarge):
            let bytes = Array((body ?? "").utf8)
            return read(bytes.count > limit ? tooLarge() : then(bytes))
        case .upload(let sink):
            let bytes = Array((body ?? "").utf8)
            let isTaken = bytes.isEmpty || sink.write(bytes.span.bytes)
            return read(sink.finish(trailers: isTaken ? HeaderFields() : nil))
        }
    }

    private func read(_ response: Response) -> Answer {
        var fields = HeaderFields()
        for (name, value) in response.fields { fields.append(name, value) }
        var bytes: [UInt8] = []
        switch response.body {
        case .bytes(let known): bytes = known
        case .stream(let stream): stream.finished(delivered: false)
        }
        var object = JSONObject()
        if case .object(let found)? = try? JSONValue(decoding: bytes) { object = found }
        return Answer(
            status: response.status, fields: fields, json: object,
            text: String(decoding: bytes, as: UTF8.self))
    }
}

private struct SimulatedOpener: DeviceOpener {
    let isOn: Bool
    let host = SimulatedHost(clock: ManualClock())

    func hostName(of source: DeviceSource) -> String? { nil }

    func hostDevices() -> [HostDevice] {
        ["0000:3b:00.2", "0000:3b:00.3"].map { name in
            var identity = DeviceIdentity(
                driver: name.hasSuffix("3") ? "vfio-pci" : "mlx5_vfio_pci")
            identity.name = name
            identity.iommuGroup = 12
            return HostDevice(identity: identity, cdev: nil)
        }
    }

    func open(
        _ source: DeviceSource, as id: DeviceIdentifier
    ) throws(AttachProblem) -> any MigratableDevice {
        guard case .simulated(let plan) = source, isOn else { throw .simulationDisabled }
        return try host.open(plan, as: id)
    }
}
