internal import SystemCalls

/// The attached devices, by their ids.
public final class DeviceRegistry: Sendable {
    /// The most devices that an agent takes.
    public static let mostDevices = 16_384

    private let opener: any DeviceOpener
    private let contents = Locked(RegistryContents())

    /// A registry without devices.
    public init(opener: any DeviceOpener) {
        self.opener = opener
    }

    /// Attaches the device that a source names.
    ///
    /// Blocks as long as its driver does. Without an id the device gets its PCI address or mdev UUID,
    /// or the first free one of `sim0`, `sim1`, ...
    ///
    /// Maps to `POST /v1/devices`.
    public func attach(
        _ source: DeviceSource, as wanted: DeviceIdentifier? = nil,
        replayWindow: UInt64 = DeviceController.defaultReplayWindow
    ) throws(AttachProblem) -> DeviceController {
        let hostName = opener.hostName(of: source)
        let (id, generation) = try contents.withLock { contents throws(AttachProblem) in
            try contents.reserve(wanted, hostName)
        }
        let controller: DeviceController
        do throws(AttachProblem) {
            let device = try opener.open(source, as: id)
            do throws(DeviceError) {
                controller = try DeviceController(
                    id, source, device, generation: generation, replayWindow: replayWindow)
            } catch {
                throw .failed("\(id)", error)
            }
        } catch {
            contents.withLock { $0.release(id) }
            throw error
        }
        contents.withLock { $0.publish(controller) }
        return controller
    }

    /// The attached device with an id.
    public func device(_ id: DeviceIdentifier) -> DeviceController? {
        contents.withLock { $0.controllers[id] }
    }

    /// Detaches a device: it stays in the state that it is in.
    ///
    /// Blocks until its reader has let go of it. An open session is refused unless its image was
    /// delivered whole, or `force` is set.
    ///
    /// Maps to `DELETE /v1/devices/{id}`.
    public func detach(
        _ controller: DeviceController, force: Bool, by requester: Requester = .anybody
    ) throws(DeviceProblem) {
        let generation = try controller.detach(force: force, by: requester)
        contents.withLock { contents in
            contents.lastGeneration = max(contents.lastGeneration, generation)
            contents.remove(controller.id)
        }
    }

    /// The attached devices after an id, in the order of their ids, as many as asked.
    ///
    /// - Returns: the devices that a filter lets through, and the last id of the page if there are
    ///   more of them.
    public func page(
        after last: DeviceIdentifier?, limit: Int, where isWanted: (DeviceController) -> Bool
    ) -> (devices: [DeviceController], next: DeviceIdentifier?) {
        // No copy, unless a device comes or goes meanwhile.
        let contents = contents.withLock { $0 }
        let start = last.map { contents.order.insertionIndex(of: $0, afterEqual: true) } ?? 0
        var devices: [DeviceController] = []
        for id in contents.order[start...] {
            guard let controller = contents.controllers[id], isWanted(controller) else { continue }
            if devices.count == limit { return (devices, devices.last?.id) }
            devices.append(controller)
        }
        return (devices, nil)
    }

    /// The id of the device that the host has under a name, if it is attached.
    public func device(withHostName name: String) -> DeviceIdentifier? {
        contents.withLock { $0.hostNames[name] }
    }

    /// All attached devices, in the order of their ids.
    public var devices: [DeviceController] {
        page(after: nil, limit: .max) { _ in true }.devices
    }
}

private struct RegistryContents: Sendable {
    var controllers: [DeviceIdentifier: DeviceController] = [:]
    /// The ids of ``controllers``, sorted: what pages are cut from.
    var order: [DeviceIdentifier] = []
    /// The ids of what is being opened now.
    var opening: Set<DeviceIdentifier> = []
    /// The host's names for all that is open or being opened.
    var hostNames: [String: DeviceIdentifier] = [:]
    /// No device that comes has a generation that one that has gone had under the same id.
    var lastGeneration: UInt64 = 0

    mutating func reserve(
        _ wanted: DeviceIdentifier?, _ hostName: String?
    ) throws(AttachProblem) -> (DeviceIdentifier, generation: UInt64) {
        guard controllers.count + opening.count < DeviceRegistry.mostDevices else {
            throw .tooMany(limit: DeviceRegistry.mostDevices)
        }
        if let hostName, let owner = hostNames[hostName] {
            throw .inUse("\(hostName) is attached here as \(owner)", nil)
        }
        let id = wanted ?? hostName.flatMap { DeviceIdentifier($0) } ?? firstFreeSimulatedID()
        if isTaken(id) { throw .idTaken(id) }
        opening.insert(id)
        if let hostName { hostNames[hostName] = id }
        return (id, lastGeneration + 1)
    }

    mutating func release(_ id: DeviceIdentifier) {
        opening.remove(id)
        hostNames = hostNames.filter { $0.value != id }
    }

    mutating func publish(_ controller: DeviceController) {
        opening.remove(controller.id)
        controllers[controller.id] = controller
        order.insert(controller.id, at: order.insertionIndex(of: controller.id, afterEqual: false))
    }

    mutating func remove(_ id: DeviceIdentifier) {
        controllers[id] = nil
        order.remove(at: order.insertionIndex(of: id, afterEqual: false))
        release(id)
    }

    private func isTaken(_ id: DeviceIdentifier) -> Bool {
        controllers[id] != nil || opening.contains(id)
    }

    private func firstFreeSimulatedID() -> DeviceIdentifier {
        for number in 0... {
            if let id = DeviceIdentifier("sim\(number)"), !isTaken(id) { return id }
        }
        preconditionFailure("more devices than numbers")
    }
}

extension [DeviceIdentifier] {
    /// Where an id stands in a sorted list, or would.
    fileprivate func insertionIndex(of id: DeviceIdentifier, afterEqual: Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            let isBefore = afterEqual ? self[middle] <= id : self[middle] < id
            if isBefore { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
