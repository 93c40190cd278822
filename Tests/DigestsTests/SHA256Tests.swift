import Testing

@testable import Digests

@Suite("SHA-256")
struct SHA256Tests {
    // Source: FIPS 180-4's examples, as published with the standard.
    private let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    private let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    private func digest(_ pieces: String...) -> SHA256Digest {
        var hash = SHA256()
        for piece in pieces { hash.update(Array(piece.utf8).span.bytes) }
        return hash.digest
    }

    @Test("is what the standard says")
    func vectors() {
        #expect(digest().hexadecimal == empty)
        #expect(digest("abc").hexadecimal == abc)
        #expect(digest("a", "", "bc").hexadecimal == abc)
        #expect(digest("abc").base64 == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=")
    }

    @Test("goes on after a look at its digest")
    func copies() {
        var hash = SHA256()
        hash.update(Array("a".utf8).span.bytes)
        let fork = hash
        _ = hash.digest
        hash.update(Array("bc".utf8).span.bytes)
        #expect(hash.digest.hexadecimal == abc)
        #expect(fork.digest == digest("a"))
    }

    @Test("reads what it writes, and nothing else")
    func texts() {
        let digest = digest("abc")
        #expect(SHA256Digest(hexadecimal: digest.hexadecimal) == digest)
        #expect(SHA256Digest(hexadecimal: digest.hexadecimal.uppercased()) == digest)
        #expect(SHA256Digest(base64: digest.base64) == digest)
        for wrong in [
            "", String(abc.dropLast()), abc + "0", abc.replacing("b", with: "g"),
            abc.replacing("ba", with: "\u{e9}"),
        ] {
            #expect(SHA256Digest(hexadecimal: wrong) == nil, "\(wrong)")
        }
        for wrong in [
            "", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0", "ungW",
            String(repeating: "=", count: 44),
            "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=\n", String(repeating: "!", count: 44),
            "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0=", String(repeating: "A", count: 44),
        ] {
            #expect(SHA256Digest(base64: wrong) == nil, "\(wrong)")
        }
    }
}
