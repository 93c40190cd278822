internal import Devices
internal import MigrationModel

extension MigrationPlan.Pair {
    /// Why an image of the source would not run on a device of this agent; nil if it can be expected to.
    ///
    /// Drivers check little of what they load, and hisi_acc checks once per open only: so it is
    /// compared before the first byte.
    func objection(to snapshot: DeviceSnapshot) -> String? {
        guard let identity else { return nil }
        let here = snapshot.identity
        let parts: [(String, String?, String?)] = [
            ("driver", identity.driver, here.driver),
            ("vendor", identity.vendorID, here.vendorID),
            ("device id", identity.deviceID, here.deviceID),
            ("mdev type", identity.mdevType, here.mdevType),
        ]
        for (name, theirs, ours) in parts where theirs != ours {
            return
                "its \(name) is \(theirs ?? "unknown") at the source and \(ours ?? "unknown") here"
        }
        if let features, features.contains(.p2p), !snapshot.features.contains(.p2p) {
            return "the source has P2P and it has not"
        }
        return nil
    }

    /// The device can take an image now.
    func isFree(_ snapshot: DeviceSnapshot) -> Bool {
        let hasSession = snapshot.session?.isOpen ?? false
        return snapshot.state == .running && snapshot.claim == nil && !hasSession
            && snapshot.transition == nil
    }
}
