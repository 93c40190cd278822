internal import JSON

/// Reads the members of a JSON object, and refuses what nobody asked for.
///
/// Whatever is wrong is named by its JSON pointer. Source: RFC 6901.
struct ObjectReader {
    let object: JSONObject
    private let pointer: String
    private var asked: Set<String> = []

    init(_ object: JSONObject, at pointer: String = "") {
        self.object = object
        self.pointer = pointer
    }

    /// The object that a text consists of.
    init(decoding text: [UInt8]) throws(Problem) {
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONValue(decoding: text)
        } catch {
            throw .invalid(at: "", "The body is not JSON: \(error.reason).")
        }
        guard case .object(let object) = value else {
            throw .invalid(at: "", "The body is not a JSON object.")
        }
        self.init(object)
    }

    mutating func string(_ name: String) throws(Problem) -> String? {
        switch member(name) {
        case nil: return nil
        case .string(let text)?: return text
        default: throw wrong(name, "is not a string")
        }
    }

    mutating func bool(_ name: String) throws(Problem) -> Bool? {
        switch member(name) {
        case nil: return nil
        case .bool(let value)?: return value
        default: throw wrong(name, "is not true or false")
        }
    }

    /// A whole number in a range; `1.0` is none.
    mutating func count(
        _ name: String, in range: ClosedRange<UInt64> = 0...UInt64(Int64.max)
    ) throws(Problem) -> UInt64? {
        switch member(name) {
        case nil: return nil
        case .integer(let number)?:
            guard let count = UInt64(exactly: number), range.contains(count) else {
                throw wrong(name, "is not between \(range.lowerBound) and \(range.upperBound)")
            }
            return count
        default: throw wrong(name, "is not an integer")
        }
    }

    mutating func object(_ name: String) throws(Problem) -> ObjectReader? {
        switch member(name) {
        case nil: return nil
        case .object(let object)?: return ObjectReader(object, at: path(name))
        default: throw wrong(name, "is not an object")
        }
    }

    mutating func array(_ name: String) throws(Problem) -> [(value: JSONValue, pointer: String)]? {
        switch member(name) {
        case nil: return nil
        case .array(let values)?:
            return values.enumerated().map { ($0.element, "\(path(name))/\($0.offset)") }
        default: throw wrong(name, "is not an array")
        }
    }

    /// One of some words.
    mutating func word<Word: RawRepresentable & CaseIterable>(
        _ name: String
    ) throws(Problem) -> Word? where Word.RawValue == String {
        guard let text = try string(name) else { return nil }
        guard let word = Word(rawValue: text) else {
            let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw wrong(name, "is '\(text)', not one of: \(words)")
        }
        return word
    }

    /// Refuses members that nobody asked for.
    func finish() throws(Problem) {
        for member in object.members where !asked.contains(member.name) {
            throw wrong(member.name, "is not known")
        }
    }

    func missing(_ name: String) -> Problem {
        wrong(name, "is missing")
    }

    func wrong(_ name: String, _ why: String) -> Problem {
        .invalid(at: path(name), "The member '\(name)' \(why).")
    }

    private mutating func member(_ name: String) -> JSONValue? {
        asked.insert(name)
        return object[name]
    }

    private func path(_ name: String) -> String {
        var escaped = ""
        for character in name.unicodeScalars {
            switch character {
            case "~": escaped += "~0"
            case "/": escaped += "~1"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return "\(pointer)/\(escaped)"
    }
}
