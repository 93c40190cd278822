import Devices
import SystemPackage
import Testing

@Suite("Identifiers and sources")
struct IdentifierTests {
    @Test(
        "PCI addresses, UUIDs and plain names are ids",
        arguments: ["0000:3b:00.2", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", "sim0", "a", "..."])
    func good(_ text: String) {
        #expect(DeviceIdentifier(text)?.description == text)
    }

    @Test("nothing else is", arguments: ["", ".", "..", "a/b", "a b", "ä", "a\u{0}", "%41"])
    func bad(_ text: String) {
        #expect(DeviceIdentifier(text) == nil)
    }

    @Test("64 characters are the most")
    func length() {
        #expect(DeviceIdentifier(String(repeating: "a", count: 64)) != nil)
        #expect(DeviceIdentifier(String(repeating: "a", count: 65)) == nil)
    }

    @Test("a cdev is a vfio and a number in its directory, and nothing that leads elsewhere")
    func cdevs() {
        let directory = FilePath("/dev/vfio/devices")
        #expect(DeviceSource(cdev: "/dev/vfio/devices/vfio12", in: directory) != nil)
        for path in [
            "/dev/vfio/devices/vfio", "/dev/vfio/devices/vfio1/../../../sda",
            "/dev/vfio/devices/../devices/vfio1", "/dev/vfio/vfio0", "vfio0",
            "/dev/vfio/devices/vfio0 ", "/dev/vfio/devices/vfio\u{661}",
            "/dev/vfio/devices/vfio1234567890",
        ] {
            #expect(DeviceSource(cdev: path, in: directory) == nil, "\(path)")
        }
    }
}
