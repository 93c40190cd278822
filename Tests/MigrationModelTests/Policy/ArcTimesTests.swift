import Testing

@testable import MigrationModel

@Suite("The arcs of a switchover")
struct ArcTimesTests {
    @Test(
        "are those out of pre-copy and into RUNNING",
        arguments: [
            (
                .known,
                "PRE_COPY PRE_COPY_P2P STOP_COPY RESUMING STOP RUNNING_P2P RUNNING"
            ),
            ([.stopCopy, .preCopy], "PRE_COPY STOP_COPY RESUMING STOP RUNNING"),
            ([.stopCopy], "RUNNING STOP STOP_COPY RESUMING STOP RUNNING"),
        ] as [(MigrationFeatures, String)])
    func ofSwitchover(_ features: MigrationFeatures, _ names: String) {
        let states = names.split(separator: " ").compactMap { MigrationState(name: String($0)) }
        let steps = zip(states, states.dropFirst()).map { Arc(from: $0, to: $1) }
        #expect(
            ArcTimes.ofSwitchover(features)
                == steps.filter { $0 != Arc(from: .stopCopy, to: .resuming) })
    }

    @Test("are guessed by their way back, then by the average, until they have run")
    func expected() {
        var times = ArcTimes()
        let stop = Arc(from: .preCopyP2P, to: .stopCopy)
        let commit = Arc(from: .resuming, to: .stop)
        #expect(times.expected(stop) == .milliseconds(10))
        times.ran(Arc(from: .stop, to: .resuming), .milliseconds(40))
        times.ran(Arc(from: .running, to: .preCopy), .milliseconds(20))
        #expect(times.expected(commit) == .milliseconds(40))
        #expect(times.expected(stop) == .milliseconds(30))
        #expect(times.expected([commit, stop]) == .milliseconds(70))
        times.ran(stop, .milliseconds(5))
        times.ran(stop, .milliseconds(3))
        // The slower device is waited for.
        #expect(times.expected(stop) == .milliseconds(5))
    }
}
