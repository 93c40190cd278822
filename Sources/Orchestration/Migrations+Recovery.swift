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
        let replay = JournalReplay(records)
        var plan = try codec.plan(from: replay.opened["request"] ?? .null)
        plan.id = id
        let isSameBoot = replay.opened["boot_id"]?.text == directory.bootID
        var features: [MigrationFeatures] = []
        var losesState: [Bool] = []
        for (place, device) in (replay.opened["devices"]?.values ?? []).enumerated()
        where plan.devices.indices.contains(place) {
            let destination = device["destination"]?.text.flatMap { DeviceIdentifier($0) }
            plan.devices[place].destination = destination ?? plan.devices[place].destination
            let names = (device["features"]?.values ?? []).compactMap(\.text)
            features.append(
                names.compactMap { MigrationFeatures(name: $0) }.reduce([]) { $0.union($1) })
            losesState.append(device["loses_state_on_close"] == .bool(true) || !isSameBoot)
        }
        guard features.count == plan.devices.count else { throw .mismatch(.pending) }
        let epoch = plan.epoch + replay.starts
        if replay.isOpen {
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
            source.takeUp(replay, isSameBoot: isSameBoot, losesState: losesState)
            machine = .source(source)
        case .destination:
            let members = zip(plan.devices, zip(features, losesState)).map { pair, traits in
                DestinationMember(
                    device: pair.destination ?? pair.source, features: traits.0,
                    losesState: traits.1)
            }
            var destination = DestinationMachine(
                plan, members, epoch: plan.epoch, isRestarted: true, at: world.now)
            destination.takeUp(replay)
            machine = .destination(destination)
        }
        return Migration(
            plan, machine, world, key: replay.opened["key"]?.text,
            createdAt: replay.openedAt ?? .now,
            endedAt: replay.isOpen ? nil : replay.endedAt,
            kept: replay.kept, generation: replay.generation)
    }
}
