import Digests
import Glibc
import JSON
import SystemCalls
import SystemPackage

/// What is written beside a saved image: which device it fits, and how to know that it is whole.
struct ImageDescription {
    static let format = "ferry-image-1"
    private static let largest = 1 << 20

    let json: JSONValue
    let bytes: UInt64
    let sha256: SHA256Digest
    /// What became of the device that it was saved from.
    var afterwards: Afterwards? { (json["device_after"]?.text).flatMap(Afterwards.init(rawValue:)) }

    /// Describes an image that was saved just now.
    init(
        of device: JSONValue, bytes: UInt64, sha256: SHA256Digest, by agent: JSONValue,
        at endpoint: String, leaving it: Afterwards
    ) {
        self.bytes = bytes
        self.sha256 = sha256
        json = [
            "format": .string(Self.format), "device": device["id"],
            "identity": device["identity"], "features": device["features"],
            "bytes": .count(bytes), "sha256": .string(sha256.hexadecimal),
            "saved_at": .string("\(Timestamp.now)"), "device_after": .string(it.rawValue),
            "agent": [
                "url": .string(endpoint), "id": agent["id"], "version": agent["version"],
            ],
            "ferry_version": .string(Ferry.version),
        ]
    }

    /// Reads the description of an image.
    init(besides image: FilePath) throws(Failure) {
        let path = image.suffixed(".json")
        let text = try doing("reading \(path), which describes the image,") {
            () throws(Errno) in
            try OwnedFileDescriptor(opening: path, flags: O_RDONLY).readAll(upTo: Self.largest)
        }
        let json = (try? JSONValue(decoding: text)) ?? .null
        guard json["format"]?.text == Self.format, let bytes = json["bytes"]?.unsigned,
            let sha256 = (json["sha256"]?.text).flatMap({ SHA256Digest(hexadecimal: $0) }),
            json["identity"]?["driver"]?.text != nil
        else {
            throw Failure(explanation: "\(path) is no description of an image")
        }
        self.json = json
        self.bytes = bytes
        self.sha256 = sha256
    }

    /// Why the image would not run on a device; nil if it can be expected to.
    ///
    /// Drivers check little of what they load.
    func objection(to device: JSONValue) -> String? {
        for (title, name) in [
            ("driver", "driver"), ("vendor", "vendor_id"), ("device id", "device_id"),
            ("mdev type", "mdev_type"),
        ] {
            let saved = json["identity"]?[name]?.text
            let here = device["identity"]?[name]?.text
            if saved != here {
                return
                    "the image is of a device whose \(title) is \(saved ?? "unknown"), "
                    + "and this one's is \(here ?? "unknown")"
            }
        }
        return nil
    }
}
