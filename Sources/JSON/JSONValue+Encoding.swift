internal import CJansson
internal import Glibc

extension JSONValue {
    /// The text of the value: compact, members in their order, a newline at the end.
    public func encoded() -> [UInt8] {
        let tree = unsafe JanssonTree(owning: self.makeTree())
        return tree.text()
    }

    /// A tree that the caller owns.
    fileprivate func makeTree() -> UnsafeMutablePointer<json_t> {
        switch self {
        case .null: return unsafe made(json_null())
        case .bool(let value): return unsafe made(value ? json_true() : json_false())
        case .integer(let value): return unsafe made(json_integer(value))
        case .real(let value): return unsafe made(json_real(value))
        case .string(var value):
            return value.withUTF8 { utf8 in
                unsafe utf8.withMemoryRebound(to: CChar.self) { text in
                    unsafe made(json_stringn_nocheck(text.baseAddress, text.count))
                }
            }
        case .array(let values):
            let array = unsafe made(json_array())
            // json_array_append_new takes the element over.
            for value in values { unsafe json_array_append_new(array, value.makeTree()) }
            return unsafe array
        case .object(let object):
            let tree = unsafe made(json_object())
            // json_object_set_new_nocheck takes the value over.
            for member in object.members {
                unsafe json_object_set_new_nocheck(tree, member.name, member.value.makeTree())
            }
            return unsafe tree
        }
    }
}

extension JanssonTree {
    /// The compact text of the tree, with a newline at the end.
    fileprivate borrowing func text() -> [UInt8] {
        guard let text = unsafe json_dumps(root, ferry_json_compact) else {
            preconditionFailure("jansson refused a tree that jansson made")
        }
        defer { unsafe free(text) }
        let length = unsafe strlen(text)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length + 1)
        unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(start: text, count: length))
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }
}

/// jansson answers NULL when memory is out, or for a real that JSON cannot write.
private func made(
    _ tree: UnsafeMutablePointer<json_t>?
) -> UnsafeMutablePointer<json_t> {
    guard let tree = unsafe tree else { preconditionFailure("jansson made no value") }
    return unsafe tree
}
