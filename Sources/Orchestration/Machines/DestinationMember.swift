internal import Devices
internal import MigrationModel

/// A device of a destination's group: it takes an image.
struct DestinationMember: Sendable {
    let device: DeviceIdentifier
    let features: MigrationFeatures
    /// With the agent its image is gone as well.
    let losesState: Bool
    var state = MigrationState.running
    var isSeen = false
    /// Its image is gone.
    var isBlank = false
    /// It has left STOP, or is about to.
    var isLeaving = false
    var image: Image?
}

extension DestinationMember {
    init(_ device: DeviceController) {
        let snapshot = device.snapshot
        self.init(
            device: device.id, features: snapshot.features,
            losesState: snapshot.losesStateOnClose)
    }
}
