/// Numbers as people read them.
public enum Quantity {
    /// `1.2 GB`, `45 MB`, `17 bytes`: decimal units, as links are measured.
    public static func bytes(_ count: UInt64) -> String {
        let units = ["kB", "MB", "GB", "TB", "PB", "EB"]
        if count < 1000 { return count == 1 ? "1 byte" : "\(count) bytes" }
        var value = Double(count) / 1000
        var unit = 0
        // What would be rounded to 1000 is 1.0 of the next unit.
        while value >= 999.5 && unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        return "\(short(value)) \(units[unit])"
    }

    /// `1.2 GB/s`.
    public static func rate(_ bytesPerSecond: Double) -> String {
        bytes(UInt64(estimate: bytesPerSecond)) + "/s"
    }

    /// `45 ms`, `4.2 s`, `3 min`, `5 h`.
    public static func time(_ duration: Duration) -> String {
        let seconds = duration / .seconds(1)
        return switch seconds {
        case ..<0.9995: "\(Int((seconds * 1000).rounded(.up))) ms"
        case ..<99.5: "\(short(seconds)) s"
        case ..<5970: "\(Int((seconds / 60).rounded())) min"
        default: "\(Int((seconds / 3600).rounded())) h"
        }
    }

    /// One decimal below ten, none from there on.
    private static func short(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths < 100
            ? "\(tenths / 10).\(tenths % 10)" : "\(Int(value.rounded()))"
    }
}
