import Testing

@testable import MigrationModel

@Suite("A group converges")
struct ConvergenceTests {
    /// A device that is dirtied, behind a link, looked at every 100 ms.
    private struct Simulation {
        var random: SeededNumbers
        var rig: PolicyRig
        let rate: Double
        let dirtyRate: Double
        var initial = 4e9
        var dirty = 0.0
        var sent = 0.0
        let stop: Double

        init(seed: UInt64, load: Double) {
            random = SeededNumbers(state: seed)
            rate = Double.random(in: 0.2e9...4e9, using: &random)
            dirtyRate = rate * load
            stop = rate * 0.05
            rig = PolicyRig("sim0", arcs: .milliseconds(5))
        }

        /// Time passes; both rates are only so on the average.
        mutating func step() {
            var room = rate * 0.1 * Double.random(in: 0.9...1.1, using: &random)
            dirty += dirtyRate * 0.1 * Double.random(in: 0.9...1.1, using: &random)
            let first = min(initial, room)
            room -= first
            let again = initial == first ? min(dirty, room) : 0
            initial -= first
            dirty -= again
            sent += first + again
            rig.look(
                .looked(
                    sent: UInt64(sent), initial: UInt64(initial), dirty: UInt64(dirty),
                    length: UInt64(initial + dirty + stop)))
        }

        /// How long the stop would really take now.
        var downtime: Duration {
            .seconds((initial + dirty + stop) / rate) + .milliseconds(25)
        }
    }

    @Test("to within the limit where less is dirtied than is moved", arguments: 1...40)
    func below(_ seed: UInt64) throws {
        var simulation = Simulation(seed: seed, load: Double(seed) / 50)
        var steps = 0
        repeat {
            simulation.step()
            steps += 1
        } while !simulation.rig.assessment.isReady && steps < 2000
        let assessment = simulation.rig.assessment
        #expect(assessment.isReady, "\(assessment.verdict)")
        #expect(simulation.initial == 0)
        // The measured rate is off by a few per cent.
        #expect(simulation.downtime < .milliseconds(330))
    }

    @Test("not where more is dirtied than is moved, and knows that soon", arguments: 1...40)
    func above(_ seed: UInt64) {
        var simulation = Simulation(seed: seed, load: 1.2 + Double(seed) / 20)
        for step in 0..<600 {
            simulation.step()
            let assessment = simulation.rig.assessment
            #expect(!assessment.isReady)
            guard step > 20 else { continue }
            #expect(assessment.estimate.converges == false)
            #expect(assessment.verdict.hasPrefix("will not converge: sim0 dirties "))
            #expect(assessment.estimate.remaining == nil)
        }
    }

    @Test("by its own words: how long it will take")
    func estimates() throws {
        var rig = PolicyRig("sim0")
        // 100 MB/s are moved, 50 MB/s dirtied.
        var dirty: UInt64 = 0
        for step in 0...10 {
            dirty = UInt64(step) * 5 * MB
            rig.look(
                .looked(
                    sent: UInt64(step) * 10 * MB, initial: 100 * MB - UInt64(step) * 10 * MB,
                    dirty: dirty))
        }
        let assessment = rig.assessment
        #expect(assessment.estimate.dirtyBytesPerSecond == 50 * MB)
        #expect(assessment.estimate.converges == true)
        // 51 MB are left, 29 MB of what is dirty may stay.
        #expect(assessment.estimate.remaining == .milliseconds(420))
        #expect(
            assessment.verdict == """
                what is left (51 MB) needs 510 ms at 100 MB/s, the limit is 300 ms: converging, \
                about 1.0 s
                """)
    }

    @Test("or says which device keeps it from that")
    func divergingGroup() {
        var rig = PolicyRig("sim0", "sim1")
        for step in 0...20 {
            let time = UInt64(step)
            rig.look(
                .looked(sent: time * 5 * MB, initial: 900 * MB - time * 5 * MB),
                .looked(
                    sent: time * 5 * MB, initial: 900 * MB - time * 5 * MB, dirty: time * 21 * MB))
        }
        #expect(
            rig.assessment.verdict == """
                will not converge: the group dirties 210 MB/s, most of it sim1, and the link moves \
                100 MB/s
                """)
    }

    @Test("whatever the rates say, where it comes to its ends")
    func ends() {
        var rig = PolicyRig("sim0")
        for step in 0...16 {
            // As much is dirtied as was ever seen to be moved, and still all of it is.
            let isAtEnd = step % 4 == 3
            rig.look(
                .looked(
                    sent: UInt64(step) * 10 * MB, dirty: isAtEnd ? 0 : MB, length: 40 * MB))
        }
        #expect(rig.assessment.estimate.dirtyBytesPerSecond ?? 0 >= 100 * MB)
        #expect(rig.assessment.estimate.converges == true)
    }

    @Test("again once the guest calms down, and not at the first sign of it")
    func hysteresis() {
        var rig = PolicyRig("sim0")
        var (sent, dirty) = (UInt64(0), UInt64(1000) * MB)
        func run(_ rig: inout PolicyRig, dirtied: UInt64, times: Int) {
            for _ in 0..<times {
                sent += 10 * MB
                dirty = dirty + dirtied * MB - 10 * MB
                rig.look(.looked(sent: sent, dirty: dirty))
            }
        }
        run(&rig, dirtied: 12, times: 30)
        #expect(rig.assessment.estimate.converges == false)
        run(&rig, dirtied: 9, times: 30)
        #expect(rig.assessment.estimate.converges == false)
        run(&rig, dirtied: 5, times: 30)
        #expect(rig.assessment.estimate.converges == true)
    }

    @Test("no further than what only the stop delivers")
    func largeStop() {
        var rig = PolicyRig("sim0")
        rig.copyInitialData()
        rig.look(.looked(sent: 80 * MB, length: 96 * MB), times: 30)
        #expect(rig.assessment.estimate.converges == false)
        #expect(
            rig.assessment.verdict == """
                what is left (96 MB) needs 960 ms at 100 MB/s, the limit is 300 ms: will not \
                converge, as copying for longer does not make it less; a higher limit or a \
                switchover on request would end it
                """)
    }
}

/// A reproducible sequence of numbers.
private struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let mixed = (state ^ (state >> 33)) &* 0xff51_afd7_ed55_8ccd
        return mixed ^ (mixed >> 33)
    }
}
