public import Devices
internal import JSON
internal import Logging
internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

extension Migrations {
    /// Takes up what the journals say, before the first request is answered.
    ///
    /// Without a decision a source rolls back and a destination forgets; what is decided goes on.
    public func recover() throws(JournalFault) {
        for (id, journal, records) in try directory.open() {
            let migration: Migration
            do throws(MigrationProblem) {
                migration = try revive(id, journal, records)
            } catch {
                throw .senseless(directory.path(of: id), reason: "\(error)")
            }
            contents.withLock { $0.migrations[id] = migration }
            if !migration.hasEnded { log.info("\(id): taken up again in \(migration.view.phase)") }
        }
        for device in registry.devices { attached(device) }
        for migration in contents.withLock({ Array($0.migrations.values) }) where !migration.isOver
        {
            do throws(Errno) {
                try migration.start()
            } catch {
                throw .unreadable(directory.path(of: migration.id), error)
            }
        }
    }

    /// Gives a device that was attached back to the migration that has it.
    public func attached(_ device: DeviceController) {
        for migration in contents.withLock({ Array($0.migrations.values) }) {
            guard migration.localDevices.contains(device.id) else { continue }
            if !migration.hasEnded {
                device.reclaim(for: migration.id)
            } else if migration.kept.contains(device.id), device.snapshot.state != .running {
                device.handOver(migration.mark)
            }
        }
    }

    private func revive(
        _ id: MigrationIdentifier, _ journal: Journal, _ records: [Record]
    ) throws(MigrationProblem) -> Migration {
        let story = Story(records)
        var plan = try codec.plan(from: story.opened["request"] ?? .null)
        plan.id = id
        let isSameBoot = story.opened["boot_id"]?.text == directory.bootID
        var features: [MigrationFeatures] = []
        var losesState: [Bool] = []
        for (place, device) in (story.opened["devices"]?.values ?? []).enumerated()
        where plan.devices.indices.contains(place) {
            let destination = device["destination"]?.text.flatMap { DeviceIdentifier($0) }
            plan.devices[place].destination = destination ?? plan.devices[place].destination
            let names = (device["features"]?.values ?? []).compactMap(\.text)
            features.append(
                names.compactMap { MigrationFeatures(name: $0) }.reduce([]) { $0.union($1) })
            losesState.append(device["loses_state_on_close"] == .bool(true) || !isSameBoot)
        }
        guard features.count == plan.devices.count else { throw .mismatch(.pending) }
        let epoch = plan.epoch + story.starts
        if story.isOpen {
            do throws(Errno) {
                try journal.append(Record(.resumed))
            } catch {
                throw .journal(error)
            }
        }
        let world = try AgentWorld(plan, epoch: epoch, registry, journal, codec, bandwidth, log)
        let machine: Machine
        switch plan.role {
        case .source:
            var source = SourceMachine(
                plan, features, epoch: epoch, isRestarted: true, at: world.now)
            source.takeUp(story, isSameBoot: isSameBoot, losesState: losesState)
            machine = .source(source)
        case .destination:
            let guests = zip(plan.devices, zip(features, losesState)).map { pair, traits in
                DestinationMachine.Guest(
                    device: pair.destination ?? pair.source, features: traits.0,
                    losesState: traits.1)
            }
            var destination = DestinationMachine(
                plan, guests, epoch: plan.epoch, isRestarted: true, at: world.now)
            destination.takeUp(story)
            machine = .destination(destination)
        }
        return Migration(
            plan, machine, world, key: story.opened["key"]?.text, createdAt: story.openedAt ?? .now,
            endedAt: story.isOpen ? nil : story.endedAt,
            kept: story.kept, generation: story.generation)
    }
}

extension SourceMachine {
    /// Goes on from what the journal says: the agent was restarted.
    ///
    /// - Parameter losesState: whether a device's state has ended with the agent, or with the host.
    mutating func takeUp(_ story: Story, isSameBoot: Bool, losesState: [Bool]) {
        decision = story.decision
        isReleased = !story.isOpen
        wasOpened = true
        times = Downtime(story.downtime)
        for (place, device) in zip(members.indices, story.destinations) {
            members[place].destination = device
        }
        wasStopping = story.wasStopping
        isAcknowledged = story.isAcknowledged
        // With the host the record may have been lost, although the other agent was asked; a client
        // that asks it does not say so.
        let mayHaveAsked = story.wasPreparing || !isSameBoot || plan.coordinator == .client
        prepared = mayHaveAsked ? .unknown : .notAsked
        let restarted = JSONValue.failure(
            "agent-restarted", "The source's agent was restarted before it had decided.")
        let end = story.end ?? .failed
        let cause = story.cause ?? restarted
        switch decision {
        case nil, .aborting?, .aborted?:
            abort = Abort(end: end, cause: cause)
            if end == .failed { failure = cause }
            phase = decision == .aborted ? end : .aborting
        case .committed?:
            phase = .committed
            prepared = .yes
        case .lettingGo?: phase = .lettingGo
        default: phase = .completed
        }
        for (place, end) in zip(members.indices, story.ends) { members[place].takeUp(end) }
        for place in members.indices where losesState[place] && decision != .lettingGo {
            members[place].isLost = true
            members[place].isSeen = true
        }
    }
}

extension Member {
    /// It has ended like this.
    fileprivate mutating func takeUp(_ end: JSONValue) {
        state = end["state"]?.text.flatMap { MigrationState(name: $0) } ?? state
        guard let bytes = end["image"]?["bytes"]?.unsigned,
            let sha256 = end["image"]?["sha256"]?.text
        else { return }
        image = (bytes, sha256)
        sentBytes = bytes
    }
}

extension DestinationMachine {
    /// Goes on from what the journal says: the agent was restarted.
    mutating func takeUp(_ story: Story) {
        decision = story.decision
        finalState = story.finalState ?? .running
        for image in story.images {
            guard let device = image["device"]?.text, let bytes = image["bytes"]?.unsigned,
                let sha256 = image["sha256"]?.text,
                let place = guests.firstIndex(where: { "\($0.device)" == device })
            else { continue }
            guests[place].image = Image(
                device: guests[place].device, bytes: bytes, sha256: sha256)
        }
        switch decision {
        case nil:
            // Whatever was on its way has lost its data fd: presumed aborted.
            failed(
                .failure(
                    "agent-restarted",
                    "The destination's agent was restarted before the images were prepared."), 409)
        case .prepared?:
            phase = .prepared
            for place in guests.indices { guests[place].state = .stop }
        case .running?: phase = .runningDestination
        case .completed?:
            phase = .completed
            for place in guests.indices where finalState == .stop { guests[place].state = .stop }
        case .void?: phase = .void
        default:
            isEmptied = story.isAcknowledged
            phase = story.isAcknowledged ? .discarded : .copying
        }
        isReleased = !story.isOpen
    }
}
