internal import Devices
internal import JSON
internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

extension DeviceSource {
    var json: JSONValue {
        switch self {
        case .cdev(let path): ["cdev": ["path": .string(path.string)]]
        case .group(let number, let device):
            ["group": ["group": .integer(Int64(number)), "device": .string(device)]]
        case .simulated(let plan): ["simulated": plan.json]
        }
    }

    /// Reads an object with exactly one member, which says what kind of source it is.
    ///
    /// - Parameter cdevs: the directory that cdevs are in.
    init(_ reader: inout ObjectReader, cdevs: FilePath) throws(Problem) {
        let cdev = try reader.object("cdev")
        let group = try reader.object("group")
        let simulated = try reader.object("simulated")
        try reader.finish()
        switch (cdev, group, simulated) {
        case (var cdev?, nil, nil): self = try Self.cdev(&cdev, in: cdevs)
        case (nil, var group?, nil): self = try Self.group(&group)
        case (nil, nil, var plan?): self = try .simulated(SimulationPlan(&plan))
        default:
            throw .invalid(
                at: "/source", "A source has exactly one of: cdev, group, simulated.")
        }
    }

    private static func cdev(
        _ reader: inout ObjectReader, in cdevs: FilePath
    ) throws(Problem) -> DeviceSource {
        guard let path = try reader.string("path") else { throw reader.missing("path") }
        try reader.finish()
        guard let source = DeviceSource(cdev: path, in: cdevs) else {
            throw reader.wrong("path", "is not \(cdevs)/vfio and a number")
        }
        return source
    }

    private static func group(_ reader: inout ObjectReader) throws(Problem) -> DeviceSource {
        guard let number = try reader.count("group", in: 0...UInt64(Int32.max)) else {
            throw reader.missing("group")
        }
        guard let device = try reader.string("device") else { throw reader.missing("device") }
        try reader.finish()
        guard let id = DeviceIdentifier(device) else {
            throw reader.wrong("device", "is neither a PCI address nor an mdev UUID")
        }
        return .group(number: Int(number), device: "\(id)")
    }
}
