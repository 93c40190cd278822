import AgentAPI
import Devices
import HTTPServer
import Logging
import MigrationModel
import Orchestration
import SystemCalls
import SystemPackage

/// A running agent: everything that has to be put together, and how it ends.
struct Service {
    let addresses: [SocketAddress]
    private let registry: DeviceRegistry
    private let migrations: Migrations
    private let api: AgentAPI
    private let server: HTTPServer
    private let log: Logger
    private let cutBySignal = Locked(false)

    /// Binds every address, attaches every device, and only then answers the first request.
    init(
        addresses: [SocketAddress], isOpen: Bool, attachments: [AttachArgument], opener: HostOpener,
        cdevs: FilePath, state: FilePath?, limits: MigrationLimits, log: Logger
    ) throws(StartFailure) {
        let listeners = try addresses.map { address throws(StartFailure) in
            try Self.listen(on: address, isOpen: isOpen)
        }
        self.log = log
        self.addresses = listeners.map(\.address)
        registry = DeviceRegistry(opener: opener)
        for attachment in attachments {
            do throws(AttachProblem) {
                _ = try registry.attach(attachment.source, as: attachment.id)
            } catch {
                throw StartFailure(reason: error.explanation)
            }
        }
        do throws(JournalFault) {
            let directory = try StateDirectory(state ?? Self.stateDirectory(for: self.addresses))
            migrations = Migrations(
                registry, directory, AgentAPI.codec, limits: limits, log: log)
            try migrations.recover()
        } catch {
            throw StartFailure(reason: error.explanation)
        }
        let agent = AgentDescription(
            id: Self.randomID(), version: Ferry.version, simulates: opener.simulates, cdevs: cdevs)
        api = AgentAPI(agent, registry, migrations, opener: opener, log: log)
        do throws(Errno) {
            server = try HTTPServer(listeners: listeners, handler: api)
        } catch {
            throw StartFailure(reason: "Starting the server failed: \(error.name) (\(error)).")
        }
    }

    /// Says in the log what the agent has and where it can be found.
    func announce() {
        let devices = registry.devices
        for device in devices.prefix(16) {
            let snapshot = device.snapshot
            log.info(
                "device \(snapshot.id) (\(snapshot.identity.driver)) is in \(snapshot.state.name)")
        }
        if devices.count > 16 { log.info("... and \(devices.count - 16) more devices") }
        for address in addresses { log.info("listening on \(address)") }
    }

    /// Ends the agent; answers whether a stream had to be cut.
    ///
    /// New requests are refused at once, streams may go on for a while, and no device is moved.
    func end(grace: Duration) -> Bool {
        log.info("ending: waiting up to \(grace) for \(server.activeExchanges) requests")
        api.beginShutdown()
        let deadline = ContinuousClock.now + grace
        cutStreamsOnNextSignal()
        var wasCut = false
        if !server.waitUntilIdle(until: deadline) {
            wasCut = cutStreams()
        }
        for device in registry.devices where !device.waitUntilIdle(until: deadline) {
            log.warning("\(device.id) is still being changed")
        }
        for device in registry.devices { report(device.snapshot) }
        let isIdle = server.waitUntilIdle(until: .now + .seconds(2))
        server.stopListening()
        // A handler that a driver does not let go of must not keep the agent from ending.
        if isIdle { server.stop() }
        log.info("ended")
        return wasCut || cutBySignal.withLock { $0 }
    }

    private func cutStreamsOnNextSignal() {
        do throws(Errno) {
            try Thread(name: "signals") { [self] in
                _ = EndSignal.wait()
                if cutStreams() { cutBySignal.withLock { $0 = true } }
            }.detach()
        } catch {
            log.warning(
                """
                a second signal will not cut the streams: starting a thread failed: \(error.name) \
                (\(error))
                """)
        }
    }

    private func cutStreams() -> Bool {
        var wasCut = false
        for device in registry.devices where device.cutStreams() {
            log.warning("the stream of \(device.id) was cut")
            wasCut = true
        }
        return wasCut
    }

    private func report(_ device: DeviceSnapshot) {
        guard device.state != .running else { return }
        let session = device.session.map {
            "its session \($0.id) is \($0.phase.rawValue) at offset \($0.offset)"
        }
        log.warning("\(device.id) stays in \(device.state.name); \(session ?? "it has no session")")
    }

    private static func listen(
        on address: SocketAddress, isOpen: Bool
    ) throws(StartFailure) -> ListeningSocket {
        guard address.isLocal || isOpen else {
            throw StartFailure(
                reason: """
                    Listening on \(address) is refused: there is no authentication yet, so the agent \
                    listens on loopback and Unix sockets only. On a network where everybody may \
                    move every device, say --insecure.
                    """)
        }
        do throws(Errno) {
            return try ListeningSocket(address)
        } catch {
            throw StartFailure(
                reason: "Listening on \(address) failed: \(error.name) (\(error)).")
        }
    }

    /// Where journals are kept if nothing is said: for every address another place, so that two agents
    /// on a host do not meet. systemd says where by `STATE_DIRECTORY`.
    private static func stateDirectory(for addresses: [SocketAddress]) -> FilePath {
        if let given = Environment.value(of: "STATE_DIRECTORY") { return FilePath(given) }
        let home = Environment.value(of: "HOME") ?? "/var/lib"
        let base = Environment.value(of: "XDG_STATE_HOME") ?? "\(home)/.local/state"
        let name = "\(addresses[0])".map { $0 == "/" ? "_" : $0 }
        return FilePath("\(base)/ferry/\(String(name))")
    }

    private static func randomID() -> String {
        String(UInt64.random(in: .min ... .max), radix: 16)
            + String(UInt64.random(in: .min ... .max), radix: 16)
    }
}

/// Why an agent does not start.
struct StartFailure: Error {
    let reason: String
}
