import Glibc
import SystemCalls
import SystemPackage

/// Says something on standard error.
func complain(_ text: String) {
    _ = try? FileDescriptor.standardError.writeAll("ferry: \(printable(text))\n".utf8)
}

/// Says something on standard output.
func say(_ text: String) {
    print(printable(text))
}

/// Has everything that was printed written; a reader that has gone is no failure.
///
/// `ENOSPC`, `EIO`: what was printed is not all there.
func finishOutput() throws(Failure) {
    if fflush(nil) == 0 { return }
    let error = Errno(rawValue: errno)
    if error != .brokenPipe { throw Failure(doing: "writing the output", error) }
}

/// A text of an agent's, fit for a terminal: nothing in it moves the cursor or turns the line around.
func printable(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: result.append("\u{fffd}")
        default: result.append(scalar)
        }
    }
    return String(result)
}

/// Prints what the agent sent, as it sent it; on a terminal without what moves the cursor.
func printJSON(_ answer: Answer) {
    printJSON(answer.bytes)
}

func printJSON(_ bytes: [UInt8]) {
    var text = String(decoding: bytes, as: UTF8.self)
    if text.hasSuffix("\n") { text.removeLast() }
    let isForPeople = Terminal.columns(of: .standardOutput) != nil
    print(isForPeople ? text.split(separator: "\n").map { printable(String($0)) }.joined() : text)
}

/// Columns of text, each as wide as it has to be.
func printTable(_ rows: [[String]]) {
    let rows = rows.map { $0.map(printable) }
    guard let columns = rows.map(\.count).max() else { return }
    let widths = (0..<columns).map { column in
        rows.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0
    }
    for row in rows {
        let cells = zip(row, widths).map { text, width in padded(text, to: width) }
        print(String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed()))
    }
}

/// A text with blanks behind it.
func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}

/// A part of a whole as a bar.
func bar(_ part: UInt64, of whole: UInt64, width: Int, _ sign: String = "=") -> String {
    let share = Double(part) / Double(max(whole, 1))
    return String(repeating: sign, count: Int(min(share, 1) * Double(width)))
}

/// `412 MiB`, `1.4 GiB`, `900 B`.
func size(_ bytes: UInt64) -> String {
    for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] as [(String, UInt64)]
    where bytes >> shift > 0 {
        let tenths = ((bytes >> (shift - 10)) * 10) >> 10
        return tenths < 100 ? "\(tenths / 10).\(tenths % 10) \(unit)" : "\(tenths / 10) \(unit)"
    }
    return "\(bytes) B"
}

/// `840 us`, `32.5 ms`, `4.2 s`.
func time(_ microseconds: some BinaryInteger) -> String {
    switch microseconds {
    case ..<1000: "\(microseconds) us"
    case ..<1_000_000: "\(microseconds / 1000).\(microseconds / 100 % 10) ms"
    default: "\(microseconds / 1_000_000).\(microseconds / 100_000 % 10) s"
    }
}
