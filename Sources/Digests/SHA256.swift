internal import CNettle

// SAFETY: the context is a plain structure without pointers; a copy of it goes its own way.

/// A SHA-256 that is fed piece by piece.
///
/// Source: FIPS 180-4. Computed by nettle.
@safe public struct SHA256: Sendable {
    private var context = sha256_ctx()

    /// Of nothing yet.
    public init() {
        unsafe nettle_sha256_init(&context)
    }

    /// Takes the next bytes in. About 1.6 GB/s on one core with SHA extensions.
    public mutating func update(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { bytes in
            let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            unsafe nettle_sha256_update(&context, bytes.count, start)
        }
    }

    /// The digest of what was taken in so far; more may follow.
    public var digest: SHA256Digest {
        var copy = context
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: SHA256Digest.length) {
            buffer, used in
            unsafe nettle_sha256_digest(&copy, SHA256Digest.length, buffer.baseAddress)
            used = SHA256Digest.length
        }
        return SHA256Digest(bytes: bytes)
    }
}

/// The 32 bytes that SHA-256 makes.
public struct SHA256Digest: Hashable, Sendable {
    /// How many bytes there are.
    public static let length = Int(SHA256_DIGEST_SIZE)

    private let bytes: [UInt8]

    fileprivate init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The digest that 64 hexadecimal digits say, in upper or lower case; nil if they say none.
    public init?(hexadecimal text: String) {
        let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
        guard digits.count == 2 * Self.length else { return nil }
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[place], let low = digits[place + 1] else { return nil }
            bytes.append(UInt8(high * 16 + low))
        }
        self.bytes = bytes
    }

    /// The digest that 44 characters of base64 say; nil if they say none.
    public init?(base64 text: String) {
        let characters = text.utf8.map { CChar(truncatingIfNeeded: $0) }
        guard characters.count == 44 else { return nil }
        var context = unsafe base64_decode_ctx()
        unsafe nettle_base64_decode_init(&context)
        var count = 0
        var isWhole = false
        // As much room as the decoder may want for that many characters.
        var bytes = [UInt8](repeating: 0, count: 36)
        unsafe bytes.withUnsafeMutableBufferPointer { room in
            let taken = unsafe nettle_base64_decode_update(
                &context, &count, room.baseAddress, characters.count, characters)
            isWhole = unsafe taken == 1 && nettle_base64_decode_final(&context) == 1
        }
        guard isWhole, count == Self.length else { return nil }
        self.bytes = Array(bytes[..<count])
    }

    /// 64 hexadecimal digits in lower case.
    public var hexadecimal: String {
        bytes.map { byte in
            String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }.joined()
    }

    /// 44 characters of base64.
    public var base64: String {
        let characters = unsafe [UInt8](unsafeUninitializedCapacity: 44) { buffer, used in
            unsafe buffer.withMemoryRebound(to: CChar.self) { text in
                unsafe nettle_base64_encode_raw(text.baseAddress, Self.length, bytes)
            }
            used = 44
        }
        return String(decoding: characters, as: UTF8.self)
    }
}
