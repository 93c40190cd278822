internal import Glibc

/// A moment of wall-clock time, for display only: deadlines use `ContinuousClock`.
public struct Timestamp: Hashable, Sendable, CustomStringConvertible {
    private let microseconds: Int64

    /// This many microseconds after 1970-01-01T00:00:00Z.
    public init(microsecondsSinceEpoch microseconds: Int64) {
        self.microseconds = microseconds
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
        let fraction = microseconds - Int64(seconds) * 1_000_000
        var text = [CChar](repeating: 0, count: 20)
        var parts = unsafe tm()
        _ = unsafe strftime(&text, text.count, "%FT%T", gmtime_r(&seconds, &parts))
        let digits = String(fraction)
        let zeros = String(repeating: "0", count: 6 - digits.count)
        let date = String(decoding: text.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        return "\(date).\(zeros)\(digits)Z"
    }
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
