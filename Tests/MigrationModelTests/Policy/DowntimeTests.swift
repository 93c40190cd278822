import Testing

@testable import MigrationModel

@Suite("The expected downtime")
struct DowntimeTests {
    /// At 100 MB/s, once the initial data is there and three looks were alike.
    private func downtime(
        _ look: PrecopyObservation, arcs: Duration = .zero
    ) -> (Assessment, Duration?) {
        var rig = PolicyRig("sim0", arcs: arcs)
        rig.copyInitialData()
        rig.look(look, times: 3)
        return (rig.assessment, rig.assessment.estimate.downtime)
    }

    @Test(
        "comes from the data size or what is dirty, whichever is more",
        arguments: [
            (0, 2, 20), (10, 2, 100), (10, 15, 150), (2, 30, 300), (40, 2, 400),
        ] as [(UInt64, UInt64, Int64)])
    func largerOne(_ dirty: UInt64, _ length: UInt64, _ milliseconds: Int64) {
        let (assessment, time) = downtime(
            .looked(sent: 80 * MB, dirty: dirty * MB, length: length * MB))
        #expect(time == .milliseconds(milliseconds))
        #expect(assessment.isReady == (milliseconds <= 300))
    }

    @Test("has the arcs' own times in it")
    func arcs() {
        let (assessment, time) = downtime(.looked(sent: 80 * MB), arcs: .milliseconds(50))
        // Two arcs out of pre-copy, three into RUNNING.
        #expect(time == .milliseconds(260))
        #expect(assessment.isReady)
        let (late, _) = downtime(.looked(sent: 80 * MB), arcs: .milliseconds(70))
        #expect(!late.isReady)
        #expect(late.estimate.converges == false)
        #expect(
            late.verdict == """
                the arcs of the stop need 350 ms, the limit is 300 ms: will not converge, as copying \
                for longer does not make it less; a higher limit or a switchover on request would \
                end it
                """)
    }

    @Test(
        "is unknown without a data size, and unknown keeps no limit",
        arguments: [nil, UInt64(Int64.max) + 1, UInt64.max - 21, 0])
    func unknownSize(_ length: UInt64?) {
        var rig = PolicyRig("sim0", limit: .seconds(1000))
        for step in 0...8 {
            var look = PrecopyObservation.looked(
                sent: UInt64(step) * 10 * MB, initial: UInt64(8 - step) * 10 * MB)
            look.stopCopyLength = length
            rig.look(look)
        }
        var look = PrecopyObservation.looked(sent: 80 * MB)
        look.stopCopyLength = length
        rig.look(look, times: 40)
        #expect(rig.assessment.estimate.downtime == nil)
        #expect(rig.assessment.estimate.remainingBytes == nil)
        #expect(!rig.assessment.isReady)
        #expect(
            rig.assessment.verdict == """
                not ready: sim0 does not say how much its stop will take, so whether the limit is \
                kept is unknown; it can be switched over on request
                """)
    }

    @Test("does not believe that nothing is left where it flaps, as on virtio")
    func flapping() {
        // 40 MB, and dirty_bytes reads 0 and 40 MB by turns, half a second each.
        var rig = PolicyRig("virtio")
        rig.copyInitialData()
        rig.look(.looked(sent: 80 * MB, length: 10 * MB))
        for turn in 0..<8 {
            let dirty = turn % 2 == 0 ? 40 * MB : 0
            for _ in 0..<5 {
                rig.look(.looked(sent: 80 * MB, dirty: dirty, length: 10 * MB, isDrained: true))
                #expect(!rig.assessment.isReady)
            }
        }
        #expect(rig.assessment.estimate.downtime == .milliseconds(400))
        // Where it stops doing so, it is ready after a while.
        rig.look(.looked(sent: 80 * MB, length: 10 * MB), times: 30)
        #expect(rig.assessment.isReady)
    }

    @Test("takes a data size that never changes for the whole image, after a while at rest")
    func standingSize() {
        // 80 MB before the stop and 1 MB in it, as mtty counts them.
        var rig = PolicyRig("mtty")
        for step in 0...8 {
            let sent = UInt64(step) * 10 * MB
            rig.look(.looked(sent: sent, initial: 80 * MB - sent, length: 81 * MB))
        }
        rig.look(.looked(sent: 80 * MB, length: 81 * MB), times: 10)
        #expect(rig.assessment.estimate.remainingBytes == 81 * MB)
        #expect(!rig.assessment.isReady)
        rig.look(.looked(sent: 80 * MB, length: 81 * MB), times: 12)
        #expect(rig.assessment.estimate.remainingBytes == MB)
        #expect(rig.assessment.isReady)
    }

    @Test("does not undercut what flaps, though the data size never changes")
    func standingSizeThatFlaps() {
        var rig = PolicyRig("virtio")
        for step in 0...8 {
            let sent = UInt64(step) * 10 * MB
            rig.look(.looked(sent: sent, initial: 80 * MB - sent, length: 80 * MB))
        }
        for turn in 0..<60 {
            let dirty = turn / 10 % 2 == 0 ? 0 : 80 * MB
            rig.look(.looked(sent: 80 * MB, dirty: dirty, length: 80 * MB, isDrained: true))
            #expect(!rig.assessment.isReady)
        }
        #expect(rig.assessment.estimate.remainingBytes == 80 * MB)
        #expect(rig.assessment.estimate.converges == false)
    }

    @Test("comes from the data size and observed ends where there is no PRECOPY_INFO")
    func withoutInfo() {
        var rig = PolicyRig("sim0")
        for step in 0...8 {
            rig.look(.mute(sent: UInt64(step) * 10 * MB, isDrained: false))
        }
        #expect(
            rig.assessment.verdict == """
                copying: 80 MB of sim0 sent; it does not say how much is left, and has not come to an \
                end yet
                """)
        rig.look(.mute(sent: 80 * MB, isDrained: true), times: 3)
        #expect(rig.assessment.isReady)
        #expect(rig.assessment.estimate.downtime == .milliseconds(10))
    }

    @Test("does not take anything off the data size where there is no PRECOPY_INFO")
    func standingSizeWithoutInfo() {
        var rig = PolicyRig("sim0")
        for step in 0...8 {
            rig.look(.mute(sent: UInt64(step) * 10 * MB, length: 81 * MB, isDrained: false))
        }
        rig.look(.mute(sent: 80 * MB, length: 81 * MB, isDrained: true), times: 40)
        #expect(rig.assessment.estimate.downtime == .milliseconds(810))
        #expect(rig.assessment.estimate.converges == false)
        #expect(!rig.assessment.isReady)
    }

    @Test("counts what is on its way to the destination")
    func inFlight() {
        let (_, time) = downtime(.looked(sent: 85 * MB, taken: 80 * MB))
        #expect(time == .milliseconds(60))
    }

    @Test("keeps the last estimates where a driver refuses newer ones")
    func staleInfo() {
        var rig = PolicyRig("sim0")
        rig.copyInitialData()
        rig.look(.looked(sent: 80 * MB, dirty: 50 * MB))
        rig.look(.mute(sent: 80 * MB, isDrained: false))
        #expect(rig.assessment.estimate.remainingBytes == 50 * MB)
    }
}
