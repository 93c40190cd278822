import Testing

@testable import MigrationModel

@Suite("Numbers for people")
struct QuantityTests {
    @Test(
        "of bytes",
        arguments: [
            (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"),
            (1_249_000_000, "1.2 GB"), (9_960_000, "10 MB"), (999_499, "999 kB"),
            (999_500, "1.0 MB"), (4 << 30, "4.3 GB"), (.max, "18 EB"),
        ] as [(UInt64, String)])
    func bytes(_ count: UInt64, _ text: String) {
        #expect(Quantity.bytes(count) == text)
    }

    @Test(
        "of time",
        arguments: [
            (.zero, "0 ms"), (.microseconds(100), "1 ms"), (.milliseconds(45), "45 ms"),
            (.milliseconds(999), "999 ms"), (.milliseconds(1000), "1.0 s"),
            (.milliseconds(4160), "4.2 s"), (.seconds(59), "59 s"), (.seconds(180), "3 min"),
            (.seconds(7200), "2 h"), (.seconds(1_000_000_000), "277778 h"),
        ] as [(Duration, String)])
    func time(_ duration: Duration, _ text: String) {
        #expect(Quantity.time(duration) == text)
    }

    @Test("of rates")
    func rate() {
        #expect(Quantity.rate(2_100_000_000) == "2.1 GB/s")
        #expect(Quantity.rate(.infinity) == "4.6 EB/s")
    }
}
