public import MigrationModel
public import SystemPackage

/// Where a device comes from.
public enum DeviceSource: Hashable, Sendable {
    /// A VFIO cdev, `/dev/vfio/devices/vfio0`.
    case cdev(path: FilePath)
    /// A device of a legacy group, by its PCI address or mdev UUID.
    case group(number: Int, device: String)
    /// A simulated device.
    case simulated(SimulationPlan)

    /// The directory in which the kernel has its VFIO cdevs.
    public static let cdevDirectory: FilePath = "/dev/vfio/devices"

    /// A cdev by its path; nil if that does not name one in a directory.
    public init?(cdev path: String, in directory: FilePath) {
        let prefix = "\(directory)/vfio"
        guard path.hasPrefix(prefix) else { return nil }
        let number = path.dropFirst(prefix.count)
        guard (1...9).contains(number.utf8.count),
            number.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        self = .cdev(path: FilePath(path))
    }

    /// The backend that serves it: `kernel` or `simulated`.
    public var backend: String {
        switch self {
        case .cdev, .group: "kernel"
        case .simulated: "simulated"
        }
    }
}

/// How a simulated device behaves.
public struct SimulationPlan: Hashable, Sendable {
    /// What of the migration protocol it supports.
    public var features: MigrationFeatures = .known
    /// What pre-copy starts with, in bytes; at least ``smallestSection``.
    public var initialBytes: UInt64 = 64 << 20
    /// What only STOP_COPY delivers, in bytes; at least ``smallestSection``.
    public var stopCopyBytes: UInt64 = 1 << 20
    /// How fast the running device dirties its state.
    public var dirtyBytesPerSecond: UInt64 = 0
    /// What the bytes of its state are made from.
    public var seed: UInt64 = 1
    /// How it says that nothing is left for now.
    public var temporaryEnd: TemporaryEnd = .enomsg
    /// How long every arc takes, in microseconds.
    public var arcLatencyMicroseconds: UInt64 = 0
    /// Which `VFIO_MIG_GET_PRECOPY_INFO` it has.
    public var precopyInfo: PrecopyInfoSupport = .current
    /// Whether the last close resets it, as it does a vfio-pci function.
    public var lastCloseResets = true
    /// What goes wrong, and when.
    public var faults: [Fault] = []

    /// The image's header and the one of its last section take this much.
    public static let smallestSection: UInt64 = 64
    /// The largest section that a plan may ask for: 1 TiB.
    public static let largestSection: UInt64 = 1 << 40
    /// The highest dirty rate, in bytes per second.
    public static let highestDirtyRate: UInt64 = 1 << 40
    /// The longest latency of an arc: a minute.
    public static let longestLatencyMicroseconds: UInt64 = 60_000_000
    /// The most faults that a plan may name.
    public static let mostFaults = 64

    /// A device with every feature, 64 MiB of initial data, 1 MiB for STOP_COPY, at rest.
    public init() {}

    /// How "nothing left for now" is said.
    public enum TemporaryEnd: String, Hashable, Sendable, CaseIterable {
        /// `read` fails with `ENOMSG`, as mlx5 and virtio do.
        case enomsg
        /// `read` returns 0, as mtty, qat and hisi_acc do.
        case zero
    }

    /// Which PRECOPY_INFO a driver has.
    public enum PrecopyInfoSupport: String, Hashable, Sendable, CaseIterable {
        /// In PRE_COPY only, `EINVAL` in PRE_COPY_P2P, no flags: as the patch of 2022 has it.
        case patchV7 = "patch-v7"
        /// In both pre-copy states, with flags after an opt-in: as Linux 7.3 has it.
        case current = "linux-7.3"
        /// `ENOTTY`.
        case unsupported
    }

    /// One thing that goes wrong.
    public struct Fault: Hashable, Sendable {
        /// What is counted.
        public var on: Event
        /// The how-manieth of them goes wrong, from 1 on.
        public var nth: UInt64
        /// How it goes wrong.
        public var action: Action

        /// One thing that goes wrong.
        public init(on: Event, nth: UInt64, action: Action) {
            self.on = on
            self.nth = nth
            self.action = action
        }
    }

    /// What a fault plan counts.
    public enum Event: String, Hashable, Sendable, CaseIterable {
        /// An arc that the driver is asked to run.
        case arc
        /// A read that would have delivered bytes.
        case read
        /// A write.
        case write
        /// A read that finds nothing, in pre-copy.
        case idle
    }

    /// How something goes wrong.
    public enum Action: Hashable, Sendable {
        /// The call fails and changes nothing.
        case errno(Errno)
        /// The device goes to ERROR by itself; the call fails with `EIO`.
        case errorState
        /// The state changes, but there is no room for the data fd: `EMFILE`. On arcs only.
        case emfileAfter
        /// The call takes this much longer.
        case stall(milliseconds: UInt64)
    }
}
