internal import Glibc

/// A moment of wall-clock time, for display only: deadlines use `ContinuousClock`.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    private let microseconds: Int64

    /// This many microseconds after 1970-01-01T00:00:00Z.
    public init(microsecondsSinceEpoch microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// The moment that a text in the form of ``description`` says; nil if it has another form.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        let form = Array("0000-00-00T00:00:00.000000Z".utf8)
        let fits =
            bytes.count == form.count
            && zip(bytes, form).allSatisfy { byte, expected in
                expected == UInt8(ascii: "0") ? (0x30...0x39).contains(byte) : byte == expected
            }
        guard fits else { return nil }
        let number = { (range: Range<Int>) -> Int32 in
            bytes[range].reduce(0) { $0 * 10 + Int32($1) - 0x30 }
        }
        var parts = unsafe tm()
        unsafe parts.tm_year = number(0..<4) - 1900
        unsafe parts.tm_mon = number(5..<7) - 1
        unsafe parts.tm_mday = number(8..<10)
        unsafe parts.tm_hour = number(11..<13)
        unsafe parts.tm_min = number(14..<16)
        unsafe parts.tm_sec = number(17..<19)
        let seconds = unsafe timegm(&parts)
        microseconds = Int64(seconds) * 1_000_000 + Int64(number(20..<26))
    }

    /// Earlier moments come first.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.microseconds < right.microseconds
    }

    /// The present moment.
    public static var now: Timestamp {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(
            microsecondsSinceEpoch: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec / 1000))
    }

    /// RFC 3339 in UTC with microseconds: `2026-11-23T08:15:30.000250Z`.
    ///
    /// Source: RFC 3339, section 5.6.
    public var description: String {
        var seconds = time_t(microseconds.floorDivided(by: 1_000_000))
        let fraction = Int(microseconds - Int64(seconds) * 1_000_000)
        var parts = unsafe tm()
        _ = unsafe gmtime_r(&seconds, &parts)
        // Digit by digit: two of these stand in most answers.
        var text: [UInt8] = []
        text.reserveCapacity(32)
        unsafe text.append(Int(parts.tm_year) + 1900, digits: 4, then: "-")
        unsafe text.append(Int(parts.tm_mon) + 1, digits: 2, then: "-")
        unsafe text.append(Int(parts.tm_mday), digits: 2, then: "T")
        unsafe text.append(Int(parts.tm_hour), digits: 2, then: ":")
        unsafe text.append(Int(parts.tm_min), digits: 2, then: ":")
        unsafe text.append(Int(parts.tm_sec), digits: 2, then: ".")
        text.append(fraction, digits: 6, then: "Z")
        return String(decoding: text, as: UTF8.self)
    }
}

extension [UInt8] {
    /// A number with leading zeros, and what follows it.
    fileprivate mutating func append(_ number: Int, digits: Int, then next: Unicode.Scalar) {
        var unit = 1
        for _ in 1..<digits { unit *= 10 }
        while unit > 0 {
            append(UInt8(ascii: "0") + UInt8(number / unit % 10))
            unit /= 10
        }
        append(UInt8(ascii: next))
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

extension Duration {
    /// In whole microseconds.
    public var microseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
