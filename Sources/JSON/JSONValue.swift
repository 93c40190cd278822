/// A JSON value. Source: RFC 8259.
///
/// Integers and reals are told apart by how they are written: `1` is an integer, `1.0` is not.
public enum JSONValue: Hashable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number without fraction or exponent that fits into 64 bits.
    case integer(Int64)
    /// Any other number.
    case real(Double)
    /// A string.
    case string(String)
    /// Values in their order.
    case array([JSONValue])
    /// Members in their order.
    case object(JSONObject)

    /// A member of an object; nil where there is none, and for what is no object.
    public subscript(name: String) -> JSONValue? {
        if case .object(let object) = self { object[name] } else { nil }
    }

    /// The string that it is.
    public var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The unsigned number that it is.
    public var unsigned: UInt64? {
        if case .integer(let number) = self { UInt64(exactly: number) } else { nil }
    }

    /// The values that it is an array of.
    public var values: [JSONValue] {
        if case .array(let values) = self { values } else { [] }
    }

    /// A byte count or another unsigned number; nil above `Int64.max`, which JSON readers cannot
    /// be trusted with: such a member is left out.
    public static func count(_ number: UInt64) -> JSONValue? {
        Int64(exactly: number).map(JSONValue.integer)
    }
}

/// A JSON object: members in the order in which they were set, each name once.
public struct JSONObject: Hashable, Sendable {
    /// One member of an object.
    public struct Member: Hashable, Sendable {
        /// Its name.
        public let name: String
        /// Its value.
        public let value: JSONValue
    }

    /// The members in their order.
    public private(set) var members: [Member] = []

    /// An object without members.
    public init() {}

    /// The value of a member; setting nil leaves the object as it is, so that what is not known is
    /// left out.
    ///
    /// Each name is set once: setting it again is a bug.
    public subscript(name: String) -> JSONValue? {
        get { members.first { $0.name == name }?.value }
        set {
            assert(self[name] == nil, "\(name) is set twice")
            if let newValue { members.append(Member(name: name, value: newValue)) }
        }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// An object from its members in their order.
    public init(dictionaryLiteral elements: (String, JSONValue?)...) {
        self.init(elements)
    }

    fileprivate init(_ elements: [(String, JSONValue?)]) {
        members.reserveCapacity(elements.count)
        for (name, value) in elements { self[name] = value }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByArrayLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
    /// A string.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An object from its members in their order.
    public init(dictionaryLiteral elements: (String, JSONValue?)...) {
        self = .object(JSONObject(elements))
    }
    /// An array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// An integer.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// `true` or `false`.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}
