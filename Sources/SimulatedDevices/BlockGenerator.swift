/// Deterministic bytes that do not compress: what a simulated device's state is made of.
///
/// Every block of the state has a key; equal keys give equal bytes, on every host.
enum BlockGenerator {
    /// Fills the beginning of a buffer with the bytes of a block.
    static func fill(_ buffer: inout [UInt8], _ length: Int, key: UInt64) {
        var lanes = SIMD8<UInt64>()
        for lane in 0..<8 {
            // Xorshift never leaves zero, so it must not start there.
            lanes[lane] = mixed(key &+ UInt64(lane) &* 0x9e37_79b9_7f4a_7c15) | 1
        }
        let stride = MemoryLayout<SIMD8<UInt64>>.size
        unsafe buffer.withUnsafeMutableBytes { bytes in
            var offset = 0
            while offset + stride <= length {
                advance(&lanes)
                unsafe bytes.storeBytes(of: lanes, toByteOffset: offset, as: SIMD8<UInt64>.self)
                offset += stride
            }
            advance(&lanes)
            unsafe withUnsafeBytes(of: lanes) { tail in
                unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<length])
                    .copyMemory(from: .init(rebasing: tail[..<(length - offset)]))
            }
        }
    }

    /// A well-mixed number from another one.
    ///
    /// Source: the finalizer of Steele, Lea and Flood, "Fast splittable pseudorandom number
    /// generators" (2014).
    static func mixed(_ number: UInt64) -> UInt64 {
        var z = number &+ 0x9e37_79b9_7f4a_7c15
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// A number from several ones, in their order.
    static func mixed(_ numbers: UInt64...) -> UInt64 {
        numbers.reduce(0) { mixed($0 ^ mixed($1)) }
    }

    // Source: Marsaglia, "Xorshift RNGs" (2003), eight of them side by side.
    @inline(__always)
    private static func advance(_ lanes: inout SIMD8<UInt64>) {
        lanes ^= lanes &<< 13
        lanes ^= lanes &>> 7
        lanes ^= lanes &<< 17
    }
}
