import AgentAPI
import ArgumentParser
import Devices
import Glibc
import HTTPServer
import Logging
import SystemCalls
import SystemPackage

/// `ferry serve`: runs the agent until a signal ends it.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the agent.",
        discussion: """
            The agent ends on SIGTERM and SIGINT: new requests are refused, streams in progress may \
            come to their end, and every device stays in the state that it is in. A second signal \
            cuts the streams. It exits with 0, or with 1 if a stream was cut.
            """)

    @Option(
        help: ArgumentHelp(
            "Where to listen: 127.0.0.1:8440, [::1]:8440 or unix:/path; may be repeated.",
            valueName: "address"))
    var listen: [String] = ["127.0.0.1:8440"]

    @Option(
        help: ArgumentHelp(
            "Turn simulated devices on, and attach this many of them: sim0, sim1, ...",
            valueName: "count"))
    var simulate: Int?

    @Option(
        help: ArgumentHelp(
            """
            Attach a device at the start: cdev:/dev/vfio/devices/vfio0 or \
            group:12,0000:3b:00.2; may be repeated.
            """, valueName: "source"))
    var attach: [String] = []

    @Option(
        help: ArgumentHelp(
            "How long streams in progress may go on once the agent is to end.",
            valueName: "seconds"))
    var grace: Int = 30

    @Option(help: ArgumentHelp("How much to log: debug, info, warning, error.", valueName: "level"))
    var logLevel = "info"

    @Option(help: .hidden)
    var cdevDirectory: String = "\(DeviceSource.cdevDirectory)"

    func validate() throws {
        if let simulate, !(0...DeviceRegistry.mostDevices).contains(simulate) {
            throw ValidationError(
                "--simulate takes a number from 0 to \(DeviceRegistry.mostDevices).")
        }
        if !(0...86_400).contains(grace) {
            throw ValidationError("--grace takes a number of seconds from 0 to 86400.")
        }
        _ = try addresses()
        _ = try sources()
        _ = try level()
    }

    func run() throws {
        EndSignal.holdBack()
        ResourceLimits.raiseOpenFiles()
        let level = try level()
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        let log = Logger(label: "ferry")
        do {
            let service = try Service(
                addresses: addresses(), sources: sources() + simulations(),
                simulates: simulate != nil, cdevs: FilePath(cdevDirectory), log: log)
            service.announce()
            if (simulate ?? 0) >= 2 { print(Tutorial.text(for: service.addresses[0])) }
            fflush(nil)
            _ = EndSignal.wait()
            let wasCut = service.end(grace: .seconds(grace))
            throw wasCut ? ExitCode(1) : ExitCode.success
        } catch let failure as StartFailure {
            log.error("\(failure.reason)")
            throw ExitCode(1)
        }
    }

    private func addresses() throws -> [SocketAddress] {
        try listen.map { text in
            guard let address = SocketAddress(text) else {
                throw ValidationError(
                    """
                    '\(text)' is no address: --listen takes 127.0.0.1:8440, [::1]:8440 or \
                    unix:/path.
                    """)
            }
            return address
        }
    }

    private func level() throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw ValidationError("'\(logLevel)' is no --log-level.")
        }
        return level
    }

    private func sources() throws -> [DeviceSource] {
        try attach.map { text in
            guard let source = DeviceSource(argument: text, cdevs: FilePath(cdevDirectory)) else {
                throw ValidationError(
                    """
                    '\(text)' is no source: --attach takes cdev:\(cdevDirectory)/vfio0 or \
                    group:12,0000:3b:00.2.
                    """)
            }
            return source
        }
    }

    /// Simulated devices, each with a state of its own, so that a migration shows.
    private func simulations() -> [DeviceSource] {
        (0..<UInt64(simulate ?? 0)).map { number in
            var plan = SimulationPlan()
            plan.seed = number + 1
            return .simulated(plan)
        }
    }
}

extension DeviceSource {
    /// Reads `cdev:/dev/vfio/devices/vfio0` or `group:12,0000:3b:00.2`.
    init?(argument text: String, cdevs: FilePath) {
        if text.hasPrefix("cdev:") {
            self.init(cdev: String(text.dropFirst(5)), in: cdevs)
            return
        }
        guard text.hasPrefix("group:") else { return nil }
        let parts = text.dropFirst(6).split(separator: ",", maxSplits: 1)
        guard parts.count == 2, let number = Int(parts[0]), number >= 0,
            let device = DeviceIdentifier(String(parts[1]))
        else { return nil }
        self = .group(number: number, device: "\(device)")
    }
}
