public import SystemPackage

/// A device that this host has and that could be attached.
public struct HostDevice: Hashable, Sendable {
    /// What it is, by sysfs.
    public let identity: DeviceIdentity
    /// Its cdev, if this kernel makes cdevs.
    public let cdev: FilePath?

    /// A device as the host describes it.
    public init(identity: DeviceIdentity, cdev: FilePath?) {
        self.identity = identity
        self.cdev = cdev
    }

    /// Whether its driver can migrate it, as far as that can be told without opening it: false for
    /// the plain `vfio-pci`, which never can; nil where only the driver knows.
    public var supportsMigration: Bool? {
        identity.driver == "vfio-pci" ? false : nil
    }
}
