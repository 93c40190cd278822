internal import Digests
internal import HTTPServer

extension SHA256Digest {
    /// `sha-256=:...:`, as `Content-Digest` and `Repr-Digest` say it. Source: RFC 9530.
    var field: String {
        "sha-256=:\(base64):"
    }
}

extension HeaderFields {
    /// The SHA-256 that `Content-Digest` or `Repr-Digest` says; other algorithms are passed over.
    ///
    /// Source: RFC 9530, sections 2 and 3; a dictionary of RFC 9651.
    func digest(_ name: String) throws(Problem) -> SHA256Digest? {
        var found: SHA256Digest?
        for member in all(name).joined(separator: ",").split(separator: ",") {
            let pair = member.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[0].trimmed.lowercased() == "sha-256" else { continue }
            let value = pair[1].trimmed
            guard value.hasPrefix(":"), value.hasSuffix(":"), value.count > 1,
                let digest = SHA256Digest(base64: String(value.dropFirst().dropLast()))
            else {
                throw .invalid(
                    parameter: name,
                    "\(name) has a sha-256 that is not 32 bytes of base64 in colons.")
            }
            found = digest
        }
        return found
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var text = drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
