internal import Devices
internal import JSON
internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

extension DeviceSnapshot {
    /// The device as a resource.
    var json: JSONValue {
        let open = session.flatMap { $0.isOpen ? $0 : nil }
        return [
            "id": .string("\(id)"), "backend": .string(source.backend), "source": source.json,
            "identity": identity.json, "features": .array(features.names.map(JSONValue.string)),
            "precopy_info_version": precopyInfoVersion.map { .integer(Int64($0.rawValue)) },
            "state": .string(state.name), "generation": .count(generation),
            "stop_copy_length": stopCopyLength.flatMap(JSONValue.count),
            "replay_window_bytes": .count(replayWindow),
            "session": open?.summary, "attached_at": .string("\(attachedAt)"),
            "claimed_by": (claim?.migration).map { .string("\($0)") },
            "handed_over": handedOver?.json, "last_error": lastError?.json,
        ]
    }

    /// Its state as a resource.
    var stateJSON: JSONValue {
        [
            "state": .string(state.name), "generation": .count(generation),
            "since": .string("\(since)"), "reachable_states": .names(reachableStates),
            "transition": transition?.json, "last_transition": lastTransitionJSON,
        ]
    }

    /// What PUT state answered last, be it a report or a problem.
    private var lastTransitionJSON: JSONValue? {
        switch lastTransition {
        case .success(let report): report.json(of: id)
        case .failure(let problem): Problem(of: problem, "The last transition of \(id)").json()
        case nil: nil
        }
    }

    /// Its entity tag: the generation, in quotes.
    var entityTag: String {
        "\"\(generation)\""
    }
}

extension HandedOver {
    var json: JSONValue {
        [
            "migration": .string("\(migration)"), "destination": .string(destination),
            "at": .string("\(at)"),
        ]
    }
}

extension DeviceIdentity {
    var json: JSONValue {
        .object(members)
    }

    var members: JSONObject {
        [
            "driver": .string(driver), "bus": bus.map(JSONValue.string),
            "name": name.map(JSONValue.string), "vendor_id": vendorID.map(JSONValue.string),
            "device_id": deviceID.map(JSONValue.string),
            "mdev_type": mdevType.map(JSONValue.string),
            "mdev_parent": mdevParent.map(JSONValue.string),
            "iommu_group": iommuGroup.map { .integer(Int64($0)) },
            "state_checksum": stateChecksum.map(JSONValue.string),
        ]
    }
}

extension HostDevice {
    /// The device as a resource.
    func json(attachedAs id: DeviceIdentifier?) -> JSONValue {
        var members = identity.members
        members["cdev_path"] = cdev.map { .string($0.string) }
        members["migration_supported"] = .string(
            id != nil ? "true" : supportsMigration.map { "\($0)" } ?? "unknown")
        members["attached_as"] = id.map { .string("\($0)") }
        members["source"] = source?.json
        return .object(members)
    }

    /// What to attach it with.
    private var source: DeviceSource? {
        if let cdev { return .cdev(path: cdev) }
        guard let group = identity.iommuGroup, let name = identity.name else { return nil }
        return .group(number: group, device: name)
    }
}
