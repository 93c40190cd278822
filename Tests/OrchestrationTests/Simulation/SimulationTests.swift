import SystemCalls
import Testing

@Suite("Both sides of a migration, on one clock")
struct SimulationTests {
    /// How many schedules are run; `make test-simulation` runs many more.
    private static let schedules =
        Environment.value(of: "FERRY_SCHEDULES").flatMap { Int($0) } ?? 3000
    private static let only = Environment.value(of: "FERRY_SEED").flatMap { UInt64($0) }

    @Test("hold every rule, whatever goes wrong, and come to an end")
    func schedules() {
        let seeds = Self.only.map { $0...$0 } ?? 1...UInt64(Self.schedules)
        var wrong = 0
        for seed in seeds {
            var schedule = Schedule(seed: seed)
            guard let fault = schedule.run() else { continue }
            wrong += 1
            if wrong <= 5 {
                var again = Schedule(seed: seed, isTraced: true)
                _ = again.run()
                let tail = again.trace.suffix(Self.only == nil ? 20 : .max)
                Issue.record(
                    "FERRY_SEED=\(seed): \(fault)\n\(tail.joined(separator: "\n"))")
            }
        }
        #expect(wrong == 0, "of \(seeds.count) schedules")
    }

    @Test("go the same way again from the same seed", arguments: [1, 7, 42, 1000])
    func replay(_ seed: UInt64) {
        var first = Schedule(seed: seed, isTraced: true)
        var second = Schedule(seed: seed, isTraced: true)
        _ = (first.run(), second.run())
        #expect(first.trace == second.trace)
        #expect(first.trace.count > 10)
    }
}
