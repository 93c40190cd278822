internal import CJansson

/// Why a text is no JSON that this agent takes.
public struct JSONSyntaxError: Error, Hashable, Sendable {
    /// What is wrong and where: `line 1, column 12: duplicate object key near '"state"'`.
    public let reason: String
}

extension JSONValue {
    /// The deepest nesting that is taken; jansson's own bound of 2048 is made for its own stack.
    public static let deepestNesting = 32

    /// Reads a text whose top level is an object or an array.
    ///
    /// Refused besides what RFC 8259 refuses: a name that appears twice in an object, NUL in a
    /// string, an integer beyond 64 bits, anything after the value, nesting beyond
    /// ``deepestNesting``.
    public init(decoding text: [UInt8]) throws(JSONSyntaxError) {
        var failure = json_error_t()
        let root = unsafe text.withUnsafeBytes { bytes in
            unsafe json_loadb(
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count,
                ferry_json_reject_duplicates, &failure)
        }
        guard let root = unsafe root else {
            throw JSONSyntaxError(failure)
        }
        let tree = unsafe JanssonTree(owning: root)
        try unsafe self.init(tree.root, depth: 1)
    }

    private init(
        _ tree: UnsafeMutablePointer<json_t>, depth: Int
    ) throws(JSONSyntaxError) {
        guard depth <= Self.deepestNesting else {
            throw JSONSyntaxError(reason: "nested deeper than \(Self.deepestNesting) levels")
        }
        switch unsafe ferry_json_typeof(tree) {
        case JSON_OBJECT:
            var object = JSONObject()
            var iterator = unsafe json_object_iter(tree)
            while let place = unsafe iterator {
                guard let name = unsafe json_object_iter_key(place),
                    let value = unsafe json_object_iter_value(place)
                else { break }
                unsafe object[String(cString: name)] = try JSONValue(value, depth: depth + 1)
                unsafe iterator = json_object_iter_next(tree, place)
            }
            self = .object(object)
        case JSON_ARRAY:
            var values: [JSONValue] = []
            let count = unsafe json_array_size(tree)
            for index in 0..<count {
                guard let value = unsafe json_array_get(tree, index) else { break }
                values.append(try unsafe JSONValue(value, depth: depth + 1))
            }
            self = .array(values)
        case JSON_STRING:
            self = unsafe .string(String(cString: json_string_value(tree)))
        case JSON_INTEGER: self = unsafe .integer(json_integer_value(tree))
        case JSON_REAL: self = unsafe .real(json_real_value(tree))
        case JSON_TRUE: self = .bool(true)
        case JSON_FALSE: self = .bool(false)
        default: self = .null
        }
    }
}

extension JSONSyntaxError {
    fileprivate init(_ failure: json_error_t) {
        let text = unsafe withUnsafeBytes(of: failure.text) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        self.init(reason: "line \(failure.line), column \(failure.column): \(text)")
    }
}
