/// A state of the device migration state machine.
///
/// A number that this agent does not know is kept as ``unknown(_:)`` and shown as `UNKNOWN(8)`: a
/// newer kernel must never crash an older agent.
///
/// Corresponds to `enum vfio_device_mig_state`. Source: linux/vfio.h.
public enum MigrationState: Hashable, Sendable {
    /// The device has failed; only a reset leads out of it. `VFIO_DEVICE_STATE_ERROR`.
    case error
    /// The device is stopped and its state does not change. `VFIO_DEVICE_STATE_STOP`.
    case stop
    /// The device runs. `VFIO_DEVICE_STATE_RUNNING`.
    case running
    /// Stopped, and the rest of its state can be read. `VFIO_DEVICE_STATE_STOP_COPY`.
    case stopCopy
    /// Stopped, and it takes a new state in. `VFIO_DEVICE_STATE_RESUMING`.
    case resuming
    /// Running without starting peer-to-peer DMA. `VFIO_DEVICE_STATE_RUNNING_P2P`.
    case runningP2P
    /// Running, while its state can be read and changes are tracked. `VFIO_DEVICE_STATE_PRE_COPY`.
    case preCopy
    /// ``preCopy`` without starting peer-to-peer DMA. `VFIO_DEVICE_STATE_PRE_COPY_P2P`.
    case preCopyP2P
    /// A state of a newer kernel, by its number.
    case unknown(UInt32)

    /// The eight states of the protocol, each at the index that is its number in the uAPI.
    public static let known: [MigrationState] = [
        .error, .stop, .running, .stopCopy, .resuming, .runningP2P, .preCopy, .preCopyP2P,
    ]

    /// The state with this number in the uAPI.
    public init(rawValue: UInt32) {
        self =
            rawValue < Self.known.count ? Self.known[Int(rawValue)] : .unknown(rawValue)
    }

    /// The number of this state in the uAPI.
    public var rawValue: UInt32 {
        switch self {
        case .error: 0
        case .stop: 1
        case .running: 2
        case .stopCopy: 3
        case .resuming: 4
        case .runningP2P: 5
        case .preCopy: 6
        case .preCopyP2P: 7
        case .unknown(let number): number
        }
    }

    /// The known state with this name, in the uAPI's spelling: `PRE_COPY_P2P`.
    public init?(name: String) {
        guard let state = Self.known.first(where: { $0.name == name }) else { return nil }
        self = state
    }

    /// The name in the uAPI's spelling; `UNKNOWN(8)` for a state of a newer kernel.
    public var name: String {
        switch self {
        case .error: "ERROR"
        case .stop: "STOP"
        case .running: "RUNNING"
        case .stopCopy: "STOP_COPY"
        case .resuming: "RESUMING"
        case .runningP2P: "RUNNING_P2P"
        case .preCopy: "PRE_COPY"
        case .preCopyP2P: "PRE_COPY_P2P"
        case .unknown(let number): "UNKNOWN(\(number))"
        }
    }

    /// PRE_COPY, PRE_COPY_P2P and STOP_COPY: the states that share one saving session.
    public var isInSavingGroup: Bool {
        self == .preCopy || self == .preCopyP2P || self == .stopCopy
    }

    /// PRE_COPY and PRE_COPY_P2P: the device runs while its state is read.
    public var isPreCopy: Bool {
        self == .preCopy || self == .preCopyP2P
    }
}
