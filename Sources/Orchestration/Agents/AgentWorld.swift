internal import Devices
internal import JSON
internal import Logging
internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

/// What a migration's machine wants, done: by this agent's devices, the other agent and the disk.
final class AgentWorld: Sendable {
    let plan: MigrationPlan
    let log: Logger
    private let registry: DeviceRegistry
    private let journal: Journal
    private let peer: Peer?
    private let codec: any MigrationCodec
    private let paces: [SharedPace]
    private let senders = Locked([Int: StreamSender]())
    private let start = ContinuousClock.now

    init(
        _ plan: MigrationPlan, epoch: UInt64, _ registry: DeviceRegistry, _ journal: Journal,
        _ codec: any MigrationCodec, _ bandwidth: SharedPace?, _ log: Logger
    ) throws(MigrationProblem) {
        self.plan = plan
        self.registry = registry
        self.journal = journal
        self.codec = codec
        self.log = log
        let isCoordinator = plan.role == .source && plan.coordinator == .agent
        peer = isCoordinator ? try Peer(plan, epoch: epoch) : nil
        let own = plan.options.maxBytesPerSecond.map { SharedPace(bytesPerSecond: $0) }
        paces = [own, bandwidth].compactMap { $0 }
    }

    /// The time on the migration's clock, which goes on while the host sleeps.
    var now: Duration { .now - start }

    /// Does a step; blocks for as long as that takes.
    func perform(_ step: Step, for migration: Migration) -> Outcome {
        switch step {
        case .look(let place): device(place).look()
        case .enter(let place, let state): device(place).enter(state)
        case .commit(let place, let image): device(place).commit(image)
        case .reset(let place): device(place).reset()
        case .detach(let place): device(place).detach()
        case .handOver(let place):
            device(place).handOver(to: plan.destination?.url ?? "", at: .now)
        case .seal(let isSealed): seal(isSealed)
        case .release: release()
        case .stream(let place): stream(place, to: migration.destination(of: place))
        case .cut(let place): cut(place)
        case .sample(let place): sample(place, at: migration.destination(of: place))
        case .ask(let call):
            peer?.ask(call, offering: offer(of: plan, registry, codec))
                ?? .unanswered("There is no peer.")
        case .write(let record): write(record)
        }
    }

    /// What came of a step for which there was no thread.
    func notBegun(_ step: Step, _ error: Errno) -> Outcome {
        let reason = "The system has no room for a thread: \(error)."
        return switch step {
        case .ask: .unanswered(reason)
        case .write: .notWritten(error)
        case .stream: .streamed(.cut(reason))
        default: .refused(Refusal(isBusy: true, problem: .failure("overloaded", reason)))
        }
    }

    /// Ends all streams and questions, because the agent ends.
    func cutAll() {
        for sender in senders.withLock({ Array($0.values) }) { sender.cut() }
        peer?.cut()
    }

    private func device(_ place: Int) -> LocalDevice {
        LocalDevice(
            id: localID(place), registry: registry, migration: plan.id, side: plan.role,
            codec: codec)
    }

    private func localID(_ place: Int) -> DeviceIdentifier {
        let pair = plan.devices[place]
        return plan.role == .source ? pair.source : pair.destination ?? pair.source
    }

    private func release() -> Outcome {
        for place in plan.devices.indices { device(place).release() }
        return .done
    }

    private func seal(_ isSealed: Bool) -> Outcome {
        for place in plan.devices.indices { device(place).seal(isSealed) }
        return .done
    }

    private func write(_ record: Record) -> Outcome {
        do throws(Errno) {
            try journal.append(record)
            return .done
        } catch {
            log.error("\(plan.id): writing '\(record.kind.rawValue)' failed: \(error)")
            return .notWritten(error)
        }
    }

    /// How much of an image one of its devices has taken; nil where it has none on its way.
    func bytesTaken(by id: DeviceIdentifier) -> UInt64? {
        guard let session = registry.device(id)?.snapshot.session, session.direction == .resuming
        else { return nil }
        return session.offset
    }

    // MARK: Streams

    private func stream(_ place: Int, to destination: DeviceIdentifier?) -> Outcome {
        guard let peer, let destination, let controller = device(place).controller else {
            return .streamed(.lost("the device is not attached."))
        }
        let sender = StreamSender(
            controller, to: destination, for: plan.id, peer, paces)
        senders.withLock { $0[place] = sender }
        defer { _ = senders.withLock { $0.removeValue(forKey: place) } }
        return .streamed(sender.send())
    }

    private func cut(_ place: Int) -> Outcome {
        senders.withLock { $0[place] }?.cut()
        return .done
    }

    private func sample(_ place: Int, at destination: DeviceIdentifier?) -> Outcome {
        guard let controller = device(place).controller else { return .done }
        let info = try? controller.precopySample(maxAge: .milliseconds(100)).info
        let snapshot = controller.snapshot
        let there = destination.flatMap { peer?.progress(of: $0) }
        return .sampled(
            Sample(
                readBytes: snapshot.session?.readOffset ?? 0,
                sentBytes: snapshot.session?.offset ?? 0,
                acknowledgedBytes: there?.bytes, info: info,
                stopCopyLength: snapshot.stopCopyLength,
                isDrained: snapshot.session?.phase == .drained,
                isRefused: there?.isRefused ?? false))
    }
}

/// A source's devices, as the destination's agent has to know them.
func offer(
    of plan: MigrationPlan, _ registry: DeviceRegistry, _ codec: any MigrationCodec
) -> JSONValue {
    .array(
        plan.devices.map { pair in
            let snapshot = registry.device(pair.source)?.snapshot
            return [
                "source": .string("\(pair.source)"),
                "destination": .string(pair.destination.map { "\($0)" } ?? "auto"),
                "identity": snapshot.map { codec.describe($0.identity) },
                "features": snapshot.map { .array($0.features.names.map(JSONValue.string)) },
            ]
        })
}
