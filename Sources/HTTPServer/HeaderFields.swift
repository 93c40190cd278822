/// The fields of a request's header in their order; names are compared without regard to case.
///
/// Source: RFC 9110, section 5.
public struct HeaderFields: Sendable {
    private var fields: [(name: String, value: String)] = []

    /// No fields.
    public init() {}

    /// Adds a field at the end.
    public mutating func append(_ name: String, _ value: String) {
        fields.append((name.lowercased(), value))
    }

    /// The value of the first field with this name.
    public subscript(name: String) -> String? {
        let name = name.lowercased()
        return fields.first { $0.name == name }?.value
    }

    /// The values of all fields with this name.
    public func all(_ name: String) -> [String] {
        let name = name.lowercased()
        return fields.filter { $0.name == name }.map(\.value)
    }

    /// The names of all fields, in lower case.
    var names: [String] {
        fields.map(\.name)
    }
}
