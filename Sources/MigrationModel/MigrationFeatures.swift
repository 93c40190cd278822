/// What of the migration protocol a device supports.
///
/// Corresponds to the `flags` of `struct vfio_device_feature_migration`. Source: linux/vfio.h.
public struct MigrationFeatures: OptionSet, Hashable, Sendable {
    /// The flags as the kernel gives them, bits of newer kernels included.
    public let rawValue: UInt64

    /// Takes the kernel's flags as they are.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// STOP, STOP_COPY and RESUMING exist: what every device that migrates has.
    /// `VFIO_MIGRATION_STOP_COPY`.
    public static let stopCopy = MigrationFeatures(rawValue: 1 << 0)
    /// RUNNING_P2P exists. `VFIO_MIGRATION_P2P`.
    public static let p2p = MigrationFeatures(rawValue: 1 << 1)
    /// PRE_COPY exists, and with ``p2p`` PRE_COPY_P2P as well. `VFIO_MIGRATION_PRE_COPY`.
    public static let preCopy = MigrationFeatures(rawValue: 1 << 2)

    /// The three features that this agent knows.
    public static let known: MigrationFeatures = [.stopCopy, .p2p, .preCopy]

    /// The four sets that the uAPI defines; others have "behavior to be defined in the future".
    public static let legalSets: [MigrationFeatures] = [
        [.stopCopy], [.stopCopy, .p2p], [.stopCopy, .preCopy], [.stopCopy, .p2p, .preCopy],
    ]

    /// The names of the features in the set, lowest bit first: `STOP_COPY`, `P2P`, `PRE_COPY`, and
    /// `UNKNOWN_BIT(3)` for a bit of a newer kernel.
    public var names: [String] {
        (0..<UInt64.bitWidth).filter { rawValue & (1 << $0) != 0 }.map(Self.name(ofBit:))
    }

    /// The known feature with this name.
    public init?(name: String) {
        guard let bit = (0..<3).first(where: { Self.name(ofBit: $0) == name }) else { return nil }
        self.init(rawValue: 1 << UInt64(bit))
    }

    private static func name(ofBit bit: Int) -> String {
        switch bit {
        case 0: "STOP_COPY"
        case 1: "P2P"
        case 2: "PRE_COPY"
        default: "UNKNOWN_BIT(\(bit))"
        }
    }
}

extension MigrationState {
    /// The features without which a device does not have this state; nil for ERROR and for states
    /// of newer kernels, which no feature makes legal to ask for.
    public var requiredFeatures: MigrationFeatures? {
        switch self {
        case .stop, .running, .stopCopy, .resuming: [.stopCopy]
        case .runningP2P: [.stopCopy, .p2p]
        case .preCopy: [.stopCopy, .preCopy]
        case .preCopyP2P: [.stopCopy, .p2p, .preCopy]
        case .error, .unknown: nil
        }
    }

    /// Whether a device with these features has this state.
    public func isSupported(by features: MigrationFeatures) -> Bool {
        requiredFeatures.map(features.isSuperset(of:)) ?? false
    }
}
