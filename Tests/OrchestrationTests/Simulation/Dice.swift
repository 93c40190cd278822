/// Everything that is left to chance in a schedule, from one number: SplitMix64.
struct Dice {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 0x1234_5678_9abc_def1
    }

    private mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int {
        Int(next() % UInt64(max(1, bound)))
    }

    /// True once in so many throws.
    mutating func oneIn(_ number: Int) -> Bool {
        below(number) == 0
    }

    mutating func milliseconds(_ range: ClosedRange<Int>) -> Duration {
        .microseconds(
            range.lowerBound * 1000 + below((range.upperBound - range.lowerBound) * 1000 + 1))
    }
}
