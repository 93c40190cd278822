import Testing

@testable import MigrationModel

@Suite("A group is ready")
struct ReadinessTests {
    @Test("a few looks after its initial data has come, if it stays at rest")
    func atRest() {
        var rig = PolicyRig("sim0")
        rig.copyInitialData()
        #expect(!rig.assessment.isReady)
        #expect(
            rig.assessment.verdict
                == "waiting: sim0 has come to its end, looking whether it stays there")
        rig.look(.looked(sent: 80 * MB), times: 2)
        #expect(rig.assessment.isReady)
        #expect(rig.assessment.estimate.downtime == .milliseconds(10))
        #expect(rig.assessment.estimate.converges == true)
        #expect(rig.assessment.estimate.remaining == .zero)
        #expect(rig.assessment.verdict == "ready: expected downtime 10 ms, limit 300 ms")
    }

    @Test("not before every device was looked at, and lately")
    func unseen() {
        var rig = PolicyRig("sim0", "sim1")
        #expect(rig.policy.assess(at: .zero).verdict == "starting: sim0 was not looked at yet")
        rig.look(.looked(sent: 0, initial: MB))
        #expect(rig.assessment.verdict == "starting: sim1 was not looked at yet")
        var single = PolicyRig("sim0")
        single.copyInitialData()
        single.look(.looked(sent: 80 * MB), times: 2)
        let later = single.policy.assess(at: single.now + .seconds(4))
        #expect(!later.isReady)
        #expect(later.verdict == "waiting: sim0 has not answered for 4.1 s")
    }

    @Test("not while initial data is left")
    func initialData() {
        var rig = PolicyRig("sim0")
        for step in 0..<20 {
            rig.look(
                .looked(sent: UInt64(step) * 10 * MB, initial: UInt64(20 - step) * 10 * MB))
        }
        #expect(!rig.assessment.isReady)
        #expect(
            rig.assessment.verdict
                == "copying: 190 MB of 200 MB initial data sent, about 1.0 s left")
        // The last byte of it is enough, however short the stop would be.
        rig.look(.looked(sent: 200 * MB - 1, initial: 1), times: 30)
        #expect(!rig.assessment.isReady)
    }

    @Test("not before the destination has what was read when the initial data first read 0")
    func acknowledgement() {
        var rig = PolicyRig("sim0")
        rig.copyInitialData()
        rig.look(.looked(sent: 80 * MB, taken: 80 * MB - 1), times: 40)
        // It had come at the first of these looks already.
        #expect(rig.assessment.isReady == false)
        #expect(
            rig.assessment.verdict
                == "waiting: the destination has not taken the initial data of sim0 yet")
        #expect(rig.assessment.estimate.converges == true)
        rig.look(.looked(sent: 80 * MB))
        #expect(rig.assessment.isReady)
    }

    @Test("by the offset that the device was read to, which is ahead of the stream's")
    func readAhead() {
        var rig = PolicyRig("sim0", limit: .seconds(10))
        for step in 0...4 {
            let sent = UInt64(step) * 10 * MB
            rig.look(.looked(sent: sent, read: 60 * MB, length: MB))
        }
        #expect(!rig.assessment.isReady)
        #expect(!rig.assessment.devices[0].isInitialDataTaken)
        // What waits in buffers has to be moved in the stop.
        #expect(rig.assessment.estimate.remainingBytes == 21 * MB)
        rig.look(.looked(sent: 60 * MB, read: 60 * MB, length: MB))
        #expect(rig.assessment.isReady)
    }

    @Test("no more once the initial data begins anew", arguments: [true, false])
    func reinit(_ isFlagged: Bool) {
        var rig = PolicyRig("sim0")
        rig.copyInitialData()
        rig.look(.looked(sent: 80 * MB), times: 2)
        #expect(rig.assessment.isReady)
        rig.look(.looked(sent: 80 * MB, initial: 20 * MB, reinit: isFlagged ? true : nil))
        #expect(!rig.assessment.isReady)
        #expect(
            rig.assessment.verdict
                == "copying: 0 bytes of 20 MB initial data sent, about 1.0 s left")
        rig.look(.looked(sent: 90 * MB, initial: 10 * MB))
        rig.look(.looked(sent: 100 * MB, taken: 80 * MB))
        rig.look(.looked(sent: 100 * MB, taken: 80 * MB), times: 3)
        // The old offset is not enough for the new data.
        #expect(!rig.assessment.isReady)
        rig.look(.looked(sent: 100 * MB))
        #expect(rig.assessment.isReady)
    }

    @Test("no more once a driver says REINIT, even if all of it was read at once")
    func reinitAtOnce() {
        var rig = PolicyRig("sim0")
        rig.copyInitialData()
        rig.look(.looked(sent: 80 * MB), times: 2)
        rig.look(.looked(sent: 81 * MB, taken: 80 * MB, reinit: true))
        #expect(!rig.assessment.isReady)
        rig.look(.looked(sent: 81 * MB, reinit: true), times: 2)
        #expect(rig.assessment.isReady)
    }

    @Test("no more in a session that began anew")
    func anotherSession() {
        var rig = PolicyRig("sim0")
        rig.copyInitialData()
        rig.look(.looked(sent: 80 * MB), times: 2)
        rig.look(.looked(sent: 0, initial: 80 * MB))
        #expect(!rig.assessment.isReady)
        var mute = PolicyRig("sim0")
        mute.look(.mute(sent: 0, isDrained: false))
        mute.look(.mute(sent: 80 * MB, isDrained: true), times: 4)
        #expect(mute.assessment.isReady)
        mute.look(.mute(sent: 10 * MB, isDrained: false))
        mute.look(.mute(sent: 90 * MB, isDrained: false), times: 3)
        #expect(!mute.assessment.isReady)
    }

    @Test("only if all of its devices are, together")
    func group() {
        var rig = PolicyRig("sim0", "sim1")
        for step in 0...8 {
            let sent = UInt64(step) * 5 * MB
            rig.look(
                .looked(sent: sent, initial: 40 * MB - sent, length: 20 * MB),
                .looked(sent: sent, initial: 40 * MB - sent, length: 20 * MB))
        }
        let (one, other) = (
            PrecopyObservation.looked(sent: 40 * MB, length: 20 * MB),
            PrecopyObservation.looked(sent: 40 * MB, length: 9 * MB)
        )
        for _ in 0..<3 { rig.look(one, one) }
        // Each alone would take 200 ms; the link is shared.
        #expect(rig.assessment.estimate.bytesPerSecond == 100 * MB)
        #expect(rig.assessment.estimate.downtime == .milliseconds(400))
        #expect(!rig.assessment.isReady)
        for _ in 0..<3 { rig.look(one, other) }
        #expect(rig.assessment.isReady)
    }

    @Test("at once where nothing can be copied before the stop")
    func stopCopyOnly() {
        let rig = PolicyRig("sim0", features: [.stopCopy, .p2p])
        let assessment = rig.policy.assess(at: .zero)
        #expect(assessment.isReady)
        #expect(
            assessment.verdict
                == "ready: nothing is copied before the stop, so how long that takes is unknown")
    }

    @Test("with the size of devices that cannot be copied before the stop")
    func mixedGroup() {
        var policy = ConvergencePolicy(
            downtimeLimit: .milliseconds(300),
            devices: [
                .init(name: "sim0", features: .known), .init(name: "sim1", features: .stopCopy),
            ])
        var rig = PolicyRig()
        rig.policy = policy
        rig.copyInitialData()
        rig.look(.looked(sent: 80 * MB), times: 2)
        #expect(!rig.assessment.isReady)
        #expect(rig.assessment.verdict.hasPrefix("not ready: sim1 does not say how much"))
        policy = rig.policy
        for (length, isReady) in [(100 * MB, false), (10 * MB, true)] {
            rig.policy = policy
            rig.policy.observe(
                device: 1, PrecopyObservation(at: .zero, sentBytes: 0, stopCopyLength: length))
            #expect(rig.assessment.isReady == isReady)
        }
    }
}
