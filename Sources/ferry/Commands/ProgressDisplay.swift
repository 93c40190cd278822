import Glibc
import SystemCalls
import SystemPackage

/// Progress, for people: drawn anew in place on a terminal; elsewhere a line when something new begins,
/// and every few seconds.
final class ProgressDisplay {
    private static let interval = Duration.seconds(5)
    private static let redrawing = Duration.milliseconds(100)

    private let isOn: Bool
    private let isLive: Bool
    private var drawnLines = 0
    private var lastTopic = ""
    private var lastShown = ContinuousClock.now

    init(isOn: Bool) {
        self.isOn = isOn
        isLive = isOn && Terminal.columns(of: .standardOutput) != nil
    }

    /// Shows where things stand.
    ///
    /// - Parameter topic: what is new when it changes.
    func show(_ lines: [String], topic: String) {
        guard isOn else { return }
        let isNew = topic != lastTopic || drawnLines == 0 && isLive
        let interval = isLive ? Self.redrawing : Self.interval
        guard isNew || lastShown.duration(to: .now) >= interval else { return }
        lastShown = .now
        lastTopic = topic
        if isLive {
            erase()
            // A line that wraps could not be erased; the width may have changed meanwhile.
            let width = (Terminal.columns(of: .standardOutput) ?? 80) - 1
            let fitting = lines.map { String(printable($0).prefix(width)) }
            print(fitting.joined(separator: "\n"), terminator: "")
            drawnLines = lines.count
        } else {
            say(lines.filter { !$0.isEmpty }.joined(separator: "  "))
        }
        fflush(nil)
    }

    /// Takes away what was drawn, so that something else can be said.
    func erase() {
        guard drawnLines > 0 else { return }
        for _ in 1..<drawnLines { print("\r\u{1b}[K\u{1b}[A", terminator: "") }
        print("\r\u{1b}[K", terminator: "")
        drawnLines = 0
        fflush(nil)
    }
}

/// The last values of something, as a picture one line high.
struct Sparkline {
    private static let signs = Array("▁▂▃▄▅▆▇█")
    private var values: [UInt64] = []

    mutating func append(_ value: UInt64) {
        values.append(value)
        if values.count > 16 { values.removeFirst() }
    }

    var text: String {
        let highest = max(values.max() ?? 0, 1)
        let steps = Double(Self.signs.count - 1)
        return String(values.map { Self.signs[Int(Double($0) / Double(highest) * steps)] })
    }
}
