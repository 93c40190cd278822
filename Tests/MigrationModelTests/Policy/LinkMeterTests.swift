import Testing

@testable import MigrationModel

@Suite("The rate of the link")
struct LinkMeterTests {
    private var meter = LinkMeter(streams: 1)
    private var now = Duration.zero
    private var sent: UInt64 = 0

    private mutating func move(_ bytes: UInt64, hasMore: Bool = true, times: Int = 1) {
        for _ in 0..<times {
            sent += bytes
            meter.observe(0, at: now, sent: sent, hasMore: hasMore)
            now += .milliseconds(100)
        }
    }

    @Test("is unknown before anything has moved")
    mutating func unknown() {
        move(0, times: 10)
        #expect(meter.rate == nil)
    }

    @Test("is measured while there is more to send, over the last two seconds")
    mutating func measured() {
        move(0)
        move(10 * MB, times: 20)
        #expect(meter.measuredRate == 100e6)
        move(20 * MB, times: 30)
        #expect(meter.measuredRate == 200e6)
    }

    @Test("stays while nothing flows, and while the devices give less than it")
    mutating func idle() {
        move(0)
        move(10 * MB, times: 10)
        move(0, times: 20)
        move(0, hasMore: false, times: 20)
        move(MB, hasMore: false, times: 20)
        #expect(meter.measuredRate == 100e6)
    }

    @Test("is at least what the devices gave")
    mutating func atLeast() {
        move(0, hasMore: false)
        move(50 * MB, hasMore: false, times: 3)
        #expect(meter.seenRate == 500e6)
        #expect(meter.measuredRate == nil)
    }

    @Test("is assumed where only little ever moved")
    mutating func assumed() {
        move(16, hasMore: false, times: 30)
        #expect(meter.rate == 125e6)
        #expect(meter.seenRate == nil)
    }

    @Test("is that of all streams together, however their looks fall")
    func together() {
        var meter = LinkMeter(streams: 2)
        for step in 0..<30 {
            let start = Duration.milliseconds(100 * step)
            meter.observe(0, at: start, sent: UInt64(step) * 10 * MB, hasMore: true)
            // The other stream has nothing to send.
            meter.observe(1, at: start + .milliseconds(50), sent: 0, hasMore: false)
        }
        #expect(meter.measuredRate == 100e6)
    }

    @Test("survives a session that begins anew")
    mutating func anew() {
        move(0)
        move(10 * MB, times: 10)
        sent = 0
        move(0)
        move(10 * MB, times: 10)
        #expect(meter.measuredRate == 100e6)
    }
}
