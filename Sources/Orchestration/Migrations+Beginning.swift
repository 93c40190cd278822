internal import Devices
internal import JSON
internal import Logging
internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

extension Migrations {
    /// Begins a migration: claims its devices and writes it down, and only then does anything.
    ///
    /// The same request again, by its key or as the same destination's, answers the one that is there.
    /// Nothing is left behind when it is refused.
    ///
    /// - Returns: the migration, and whether it is a new one.
    public func begin(
        _ plan: MigrationPlan, key: String? = nil
    ) throws(MigrationProblem) -> (migration: Migration, isNew: Bool) {
        if let known = try known(plan, key) { return (known, false) }
        try reserve(plan)
        defer { contents.withLock { $0.beginning[plan.id] = nil } }
        var claimed: [DeviceController] = []
        do throws(MigrationProblem) {
            let plan = try claim(plan, &claimed)
            let now = Timestamp.now
            let journal = try open(plan, key, claimed, at: now)
            let migration = try make(plan, journal, key, claimed, at: now)
            contents.withLock { $0.migrations[plan.id] = migration }
            log.info("\(plan.id): begun as \(plan.role.rawValue)")
            // It may have been discarded while it began: whoever comes second sees the other.
            if isBuried(plan.id) {
                claimed = []
                _ = try migration.request(.discard(epoch: plan.epoch), until: .now)
                throw .ended(.discarded)
            }
            return (migration, true)
        } catch {
            for device in claimed { device.release(from: plan.id) }
            throw error
        }
    }

    private func known(
        _ plan: MigrationPlan, _ key: String?
    ) throws(MigrationProblem) -> Migration? {
        let all = contents.withLock { $0.migrations }
        if let key, let same = all.values.first(where: { $0.idempotencyKey == key }) {
            guard same.plan.request == plan.request else { throw .exists(same.id) }
            return same
        }
        guard let there = all[plan.id] else {
            if isBuried(plan.id) { throw .ended(.discarded) }
            return nil
        }
        guard plan.role == .destination else {
            guard there.plan.role == .source, there.plan.request == plan.request else {
                throw .exists(plan.id)
            }
            return there
        }
        guard there.plan.role == .destination else { throw .toItself(plan.id) }
        let view = there.view
        if plan.epoch < view.epoch { throw .staleEpoch(current: view.epoch) }
        if view.phase.isEnd { throw .ended(view.phase) }
        guard there.plan.devices.map(\.source) == plan.devices.map(\.source) else {
            throw .exists(plan.id)
        }
        return there
    }

    private func reserve(_ plan: MigrationPlan) throws(MigrationProblem) {
        try contents.withLock { contents throws(MigrationProblem) in
            try contents.checkRoom(for: plan, limits)
            contents.beginning[plan.id] = plan.role
        }
    }

    /// Claims every device of a plan, and answers the plan with the devices that were chosen.
    private func claim(
        _ plan: MigrationPlan, _ claimed: inout [DeviceController]
    ) throws(MigrationProblem) -> MigrationPlan {
        let (plan, devices) = try inspect(plan)
        for device in devices {
            do throws(DeviceProblem) {
                try device.claim(for: plan.id, in: .running)
            } catch {
                throw .device(device.id, error)
            }
            claimed.append(device)
        }
        return plan
    }

    /// Finds the devices of a plan, and whatever stands in its way; changes nothing.
    func inspect(
        _ plan: MigrationPlan
    ) throws(MigrationProblem) -> (MigrationPlan, [DeviceController]) {
        var plan = plan
        var devices: [DeviceController] = []
        for place in plan.devices.indices {
            let device =
                plan.role == .source
                ? try known(plan.devices[place].source) : try choose(plan, place)
            if plan.role == .destination { plan.devices[place].destination = device.id }
            do throws(DeviceProblem) {
                try device.checkClaim(for: plan.id, in: .running)
            } catch {
                throw .device(device.id, error)
            }
            if device.snapshot.losesStateOnClose && !plan.options.allowSoleHolder {
                throw .soleHolder(device.id)
            }
            devices.append(device)
        }
        let withoutP2P = devices.filter { !$0.snapshot.features.contains(.p2p) }
        if plan.role == .source, devices.count > 1, !withoutP2P.isEmpty,
            !plan.options.allowMissingP2P
        {
            throw .p2pRequired(withoutP2P.map(\.id))
        }
        return (plan, devices)
    }

    private func known(_ id: DeviceIdentifier) throws(MigrationProblem) -> DeviceController {
        guard let device = registry.device(id) else { throw .noSuchDevice(id) }
        return device
    }

    /// The device that takes an image: the named one if it fits, or the first free one that does.
    private func choose(
        _ plan: MigrationPlan, _ place: Int
    ) throws(MigrationProblem) -> DeviceController {
        let pair = plan.devices[place]
        if let wanted = pair.destination {
            let device = try known(wanted)
            if let reason = pair.objection(to: device.snapshot) {
                throw .incompatible(wanted, reason: reason)
            }
            return device
        }
        let named = Set(plan.devices.compactMap(\.destination))
        let free = registry.devices.first { device in
            let snapshot = device.snapshot
            return !named.contains(device.id) && pair.isFree(snapshot)
                && (!snapshot.losesStateOnClose || plan.options.allowSoleHolder)
                && pair.objection(to: snapshot) == nil
        }
        guard let free else {
            throw .noneFits(
                pair.source,
                reason: "No free device here has its driver, type and features.")
        }
        return free
    }

    private func open(
        _ plan: MigrationPlan, _ key: String?, _ devices: [DeviceController], at now: Timestamp
    ) throws(MigrationProblem) -> Journal {
        var details: JSONObject = [
            "boot_id": .string(directory.bootID), "key": key.map(JSONValue.string),
            "created_at": .string("\(now)"), "request": plan.request,
        ]
        details["devices"] = .array(
            zip(plan.devices, devices).map { pair, device in
                let snapshot = device.snapshot
                return [
                    "source": .string("\(pair.source)"),
                    "destination": pair.destination.map { .string("\($0)") },
                    "features": .array(snapshot.features.names.map(JSONValue.string)),
                    "loses_state_on_close": .bool(snapshot.losesStateOnClose),
                ]
            })
        do throws(Errno) {
            return try directory.create(plan.id, first: Record(.opened, details))
        } catch {
            throw .journal(error)
        }
    }

    private func make(
        _ plan: MigrationPlan, _ journal: Journal, _ key: String?, _ devices: [DeviceController],
        at now: Timestamp
    ) throws(MigrationProblem) -> Migration {
        do throws(MigrationProblem) {
            let world = try AgentWorld(
                plan, epoch: plan.epoch, registry, journal, codec, bandwidth, log)
            let machine: Machine =
                switch plan.role {
                case .source:
                    .source(SourceMachine(plan, devices.map(\.snapshot.features), at: world.now))
                case .destination:
                    .destination(
                        DestinationMachine(
                            plan, devices.map(DestinationMember.init), epoch: plan.epoch,
                            isRestarted: false, at: world.now))
                }
            let migration = Migration(plan, machine, world, key: key, createdAt: now)
            do throws(Errno) {
                try migration.start()
            } catch {
                throw .journal(error)
            }
            return migration
        } catch {
            try? directory.remove(plan.id)
            throw error
        }
    }
}

extension Migrations.Contents {
    /// Whether the agent takes one more.
    func checkRoom(
        for plan: MigrationPlan, _ limits: MigrationLimits
    ) throws(MigrationProblem) {
        if maintenance.isOn { throw .maintenance(reason: maintenance.reason) }
        guard migrations[plan.id] == nil, beginning[plan.id] == nil else { throw .exists(plan.id) }
        let limit = plan.role == .source ? limits.outgoing : limits.incoming
        let begun = migrations.values.count { $0.plan.role == plan.role && !$0.hasEnded }
        let taken = begun + beginning.values.count { $0 == plan.role }
        if taken >= limit { throw .tooMany(plan.role, limit: limit) }
    }
}
