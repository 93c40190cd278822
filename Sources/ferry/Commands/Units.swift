import ArgumentParser

/// A time as people write it: `300ms`, `2s`, `1.5m`; a bare number is milliseconds.
struct TimeArgument: ExpressibleByArgument {
    let milliseconds: Int64

    init?(argument: String) {
        let units = [("ms", 1.0), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("", 1)]
        guard let number = quantity(argument, units) else { return nil }
        milliseconds = number
    }
}

/// A number of bytes as people write it: `100M`, `1G`, `64KiB`; the units are powers of 1024.
struct SizeArgument: ExpressibleByArgument {
    let bytes: Int64

    init?(argument: String) {
        let units = zip(["K", "M", "G", "T"], [10.0, 20, 30, 40]).flatMap { sign, power in
            let unit = (0..<Int(power)).reduce(1.0) { product, _ in product * 2 }
            return [("\(sign)iB", unit), (sign, unit)]
        }
        guard let number = quantity(argument, units + [("", 1)]) else { return nil }
        bytes = number
    }
}

private func quantity(_ text: String, _ units: [(suffix: String, factor: Double)]) -> Int64? {
    guard let (suffix, factor) = units.first(where: { text.hasSuffix($0.suffix) }) else {
        return nil
    }
    let digits = text.dropLast(suffix.count)
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2e }),
        let number = Double(digits)
    else { return nil }
    return Int64(exactly: (number * factor).rounded())
}
