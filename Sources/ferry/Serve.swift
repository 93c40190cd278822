import ArgumentParser
import Devices
import Glibc
import Logging
import Orchestration
import SimulatedDevices
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
            Attach a device at the start: cdev:/dev/vfio/devices/vfio0, group:12,0000:3b:00.2 or \
            'simulated:sim0,{"seed": 7, "last_close_resets": false}', which is an id and a plan as \
            POST /v1/devices takes it; may be repeated.
            """, valueName: "source"))
    var attach: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Turn simulated devices on, and keep those with "last_close_resets": false in this \
            directory: as if a VMM held them, they outlive the agent, even one that is killed. \
            Attached with the same id and plan, one is found in the state it was in, its session \
            gone; only a new boot of the host resets it.
            """, valueName: "path"))
    var simulatedState: String?

    @Option(
        help: ArgumentHelp(
            "How long streams in progress may go on once the agent is to end.",
            valueName: "seconds"))
    var grace: Int = 30

    @Option(
        help: ArgumentHelp(
            """
            Where migrations are written down: one directory for each agent. By default \
            $STATE_DIRECTORY, or ~/.local/state/ferry/ADDRESS.
            """, valueName: "path"))
    var stateDirectory: String?

    @Option(help: ArgumentHelp("How many migrations may go out at a time.", valueName: "count"))
    var migrationsOut: Int = 8

    @Option(help: ArgumentHelp("How many migrations may come in at a time.", valueName: "count"))
    var migrationsIn: Int = 8

    @Option(
        help: ArgumentHelp(
            "How much all migrations together may send.", valueName: "bytes-per-second"))
    var bandwidth: UInt64?

    @Flag(
        help: """
            Listen on addresses that other hosts can reach. There is no authentication: whoever can \
            reach them can move and reset every device.
            """)
    var insecure = false

    @Option(help: ArgumentHelp("How much to log.", valueName: "level"))
    var logLevel = Logger.Level.info

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
        if migrationsOut < 1 || migrationsIn < 1 || bandwidth == 0 {
            throw ValidationError(
                "--migrations-out, --migrations-in and --bandwidth take numbers from 1 on.")
        }
        _ = try addresses()
        _ = try attachments()
    }

    func run() throws {
        EndSignal.holdBack()
        ResourceLimits.raiseOpenFiles()
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = logLevel
            return handler
        }
        let log = Logger(label: "ferry")
        do {
            let attachments = try attachments()
            let service = try Service(
                addresses: addresses(), isOpen: insecure,
                attachments: attachments + simulations(),
                opener: try opener(
                    simulates: simulate != nil || attachments.contains { $0.source.isSimulated }),
                cdevs: FilePath(cdevDirectory),
                state: stateDirectory.map { FilePath($0) }, limits: limits(), log: log)
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

    private func opener(simulates: Bool) throws(StartFailure) -> HostOpener {
        guard let simulatedState else { return HostOpener(simulates ? SimulatedHost() : nil) }
        do throws(Errno) {
            return HostOpener(try SimulatedHost(keptIn: FilePath(simulatedState)))
        } catch .wouldBlock {
            throw StartFailure(reason: "Another agent keeps its devices in \(simulatedState).")
        } catch {
            throw StartFailure(
                reason: "Keeping devices in \(simulatedState) failed: \(error.name) (\(error)).")
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

    private func limits() -> MigrationLimits {
        var limits = MigrationLimits()
        limits.outgoing = migrationsOut
        limits.incoming = migrationsIn
        limits.bytesPerSecond = bandwidth
        return limits
    }

    private func attachments() throws -> [AttachArgument] {
        try attach.map { text in
            do throws(AttachSyntaxError) {
                return try AttachArgument(text, cdevs: FilePath(cdevDirectory))
            } catch {
                throw ValidationError(error.reason)
            }
        }
    }

    /// Simulated devices, each with a state of its own, so that a migration shows.
    private func simulations() -> [AttachArgument] {
        (0..<UInt64(simulate ?? 0)).map { number in
            var plan = SimulationPlan()
            plan.seed = number + 1
            return AttachArgument(.simulated(plan))
        }
    }
}
