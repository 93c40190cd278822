/// The fields of a request's header in their order; names are compared without regard to case.
///
/// Source: RFC 9110, section 5.
public struct HeaderFields: Sendable {
    private var fields: [(name: String, value: String)] = []

    /// No fields.
    public init() {}

    /// Adds a field at the end.
    public mutating func append(_ name: String, _ value: String) {
        fields.append((name, value))
    }

    /// The value of the first field with this name.
    public subscript(name: String) -> String? {
        fields.first { $0.name.isSameFieldName(as: name) }?.value
    }

    /// The values of all fields with this name.
    public func all(_ name: String) -> [String] {
        fields.compactMap { $0.name.isSameFieldName(as: name) ? $0.value : nil }
    }

    /// The names of all fields, as they were sent.
    var names: [String] {
        fields.map(\.name)
    }
}

extension String {
    /// Field names are ASCII, and upper and lower case are one.
    fileprivate func isSameFieldName(as other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        return self == other
            || zip(utf8, other.utf8).allSatisfy { $0.inLowerCase == $1.inLowerCase }
    }
}

extension UInt8 {
    fileprivate var inLowerCase: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }
}
