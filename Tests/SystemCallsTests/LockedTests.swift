import SystemCalls
import Testing

@Suite("A locked value")
struct LockedTests {
    @Test("is changed by one thread at a time")
    func exclusion() async {
        let count = Locked(0)
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 { count.withLock { $0 += 1 } }
                }
            }
        }
        #expect(count.withLock { $0 } == 8000)
    }

    @Test("wakes who waits for a change")
    func wake() throws {
        let value = Locked(0)
        try Thread(name: "changer") {
            for _ in 0..<3 { value.change { $0 += 1 } }
        }.detach()
        #expect(value.wait(until: .now + .seconds(20)) { $0 == 3 ? "three" : nil } == "three")
    }

    @Test("gives up when time runs out")
    func timeout() {
        let value = Locked(0)
        let start = ContinuousClock.now
        let result: Int? = value.wait(until: start + .milliseconds(30)) { _ in nil }
        #expect(result == nil)
        #expect(.now - start >= .milliseconds(30))
    }

    @Test("lets an error out and is free again")
    func errors() {
        struct Failure: Error {}
        let value = Locked(1)
        #expect(throws: Failure.self) {
            try value.withLock { _ in throw Failure() }
        }
        #expect(value.withLock { $0 } == 1)
    }
}
