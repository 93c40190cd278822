/// What a device is, as far as it matters for where its state may go.
public struct DeviceIdentity: Hashable, Sendable {
    /// The driver that speaks the migration protocol: `mlx5_vfio_pci`, `mtty`, `simulated`.
    public var driver: String
    /// The bus: `pci`, `mdev`.
    public var bus: String?
    /// The name on that bus: a PCI address or an mdev UUID.
    public var name: String?
    /// The PCI vendor id, `0x15b3`.
    public var vendorID: String?
    /// The PCI device id, `0x101e`.
    public var deviceID: String?
    /// The mdev type, `mtty-2`.
    public var mdevType: String?
    /// The device that an mdev is a part of.
    public var mdevParent: String?
    /// The IOMMU group.
    public var iommuGroup: Int?
    /// A digest of the device's whole state, while that is at rest. Simulated devices only.
    public var stateChecksum: String?

    /// A device known by its driver alone.
    public init(driver: String) {
        self.driver = driver
    }
}

/// The name of an attached device.
public typealias DeviceIdentifier = Identifier<DeviceController>

/// The name of a thing of one kind: `[A-Za-z0-9._:-]{1,64}`, so PCI addresses and mdev UUIDs are
/// valid ones.
public struct Identifier<Thing>: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The id as it appears in URLs.
    public let description: String

    /// Takes a text that is a valid id.
    public init?(_ text: String) {
        guard (1...64).contains(text.utf8.count), text != ".", text != "..",
            text.utf8.allSatisfy(Self.isAllowed)
        else { return nil }
        description = text
    }

    /// Ids are ordered by their bytes.
    public static func < (left: Self, right: Self) -> Bool {
        left.description.utf8.lexicographicallyPrecedes(right.description.utf8)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: ":"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
