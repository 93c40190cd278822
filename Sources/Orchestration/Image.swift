public import Devices
public import Digests
public import JSON

/// A device's whole image, as both sides have to have it.
public struct Image: Hashable, Sendable {
    /// Its length.
    public let bytes: UInt64
    /// Its SHA-256.
    public let sha256: SHA256Digest

    /// An image by what was counted and hashed while it was read.
    public init(bytes: UInt64, sha256: SHA256Digest) {
        self.bytes = bytes
        self.sha256 = sha256
    }

    /// As it stands in a migration's object and in the journal.
    public var json: JSONValue { .object(members) }

    fileprivate var members: JSONObject {
        ["bytes": .count(bytes), "sha256": .string(sha256.hexadecimal)]
    }

    /// An image as it was written down; nil if it was not.
    init?(_ json: JSONValue?) {
        guard let bytes = json?["bytes"]?.unsigned,
            let sha256 = (json?["sha256"]?.text).flatMap({ SHA256Digest(hexadecimal: $0) })
        else { return nil }
        self.init(bytes: bytes, sha256: sha256)
    }
}

/// The images of a group, by the destination's devices that take them.
public typealias Images = [DeviceIdentifier: Image]

extension Images {
    /// As `prepare` and the journal say it.
    var json: JSONValue {
        .array(
            sorted { $0.key < $1.key }.map { device, image in
                var object: JSONObject = ["device": .string("\(device)")]
                for member in image.members.members { object[member.name] = member.value }
                return .object(object)
            })
    }

    /// The images that were written down.
    init(_ json: JSONValue?) {
        self.init()
        for value in json?.values ?? [] {
            guard let device = value["device"]?.text.flatMap({ DeviceIdentifier($0) }) else {
                continue
            }
            self[device] = Image(value)
        }
    }
}
