/// The target of a request, split on the raw text first and decoded piece by piece afterwards, so
/// that an encoded slash never becomes a separator.
///
/// Source: RFC 9112, section 3.2; RFC 3986, sections 2.1 and 3.
public struct RequestTarget: Hashable, Sendable {
    /// The segments of the path behind its leading slash, decoded.
    public let segments: [String]
    /// The parameters of the query in their order, decoded.
    public let query: [(name: String, value: String)]

    /// Why a target is refused.
    public enum Fault: Error, Hashable, Sendable {
        /// Not a path, nor a URL of one, or not ASCII.
        case form
        /// A percent sign that two hexadecimal digits do not follow, bytes that are not UTF-8, or NUL.
        case encoding
        /// A segment `.` or `..`.
        case dotSegment
    }

    /// Reads a target in origin form or absolute form; `*` has no segments.
    public init(_ raw: String) throws(Fault) {
        if raw == "*" {
            segments = []
            query = []
            return
        }
        // Bytes, not characters: everything is ASCII by now.
        let origin = try Self.originForm(Array(raw.utf8)[...])
        let end = origin.firstIndex(of: UInt8(ascii: "?")) ?? origin.endIndex
        var segments: [String] = []
        segments.reserveCapacity(8)
        for segment in origin[..<end].dropFirst().split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        {
            let decoded = try Self.decoded(segment)
            if decoded == "." || decoded == ".." { throw .dotSegment }
            segments.append(decoded)
        }
        self.segments = segments
        var query: [(name: String, value: String)] = []
        for pair in origin[end...].dropFirst().split(separator: UInt8(ascii: "&")) {
            let sides = pair.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let value = sides.count > 1 ? try Self.decoded(sides[1], plusIsSpace: true) : ""
            query.append((try Self.decoded(sides[0], plusIsSpace: true), value))
        }
        self.query = query
    }

    // `GET http://host/path` names an authority, which says nothing here.
    private static func originForm(_ raw: ArraySlice<UInt8>) throws(Fault) -> ArraySlice<UInt8> {
        // Beyond ASCII a separator can hide in a composed character.
        guard raw.allSatisfy({ (0x21...0x7e).contains($0) }) else { throw .form }
        if raw.first == slash { return raw }
        for scheme in ["http://", "https://"] {
            let start = raw.prefix(scheme.utf8.count)
            guard String(decoding: start, as: UTF8.self).lowercased() == scheme else { continue }
            let path = raw[start.endIndex...].drop { $0 != slash && $0 != UInt8(ascii: "?") }
            return path.first == slash ? path : ([slash] + path)[...]
        }
        throw .form
    }

    private static let slash = UInt8(ascii: "/")

    private static func decoded(
        _ text: ArraySlice<UInt8>, plusIsSpace: Bool = false
    ) throws(Fault) -> String {
        let isPlain = text.allSatisfy { byte in
            byte != UInt8(ascii: "%") && (byte != UInt8(ascii: "+") || !plusIsSpace)
        }
        if isPlain { return String(decoding: text, as: UTF8.self) }
        var bytes: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(hexadecimal),
                    let low = rest.popFirst().flatMap(hexadecimal), high | low != 0
                else { throw .encoding }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        guard let string = String(validating: bytes, as: UTF8.self) else { throw .encoding }
        return string
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8? {
        Character(UnicodeScalar(digit)).hexDigitValue.map(UInt8.init)
    }

    /// Targets are equal when they say the same after decoding.
    public static func == (left: RequestTarget, right: RequestTarget) -> Bool {
        left.segments == right.segments
            && left.query.elementsEqual(right.query) { $0 == $1 }
    }

    /// Feeds what equality looks at.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(segments)
        for (name, value) in query {
            hasher.combine(name)
            hasher.combine(value)
        }
    }
}
