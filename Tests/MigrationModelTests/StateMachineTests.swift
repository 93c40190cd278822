import MigrationModel
import Testing

/// Every pair of states under every legal set of features.
private let everyCase = MigrationFeatures.legalSets.flatMap { features in
    MigrationState.known.flatMap { from in
        MigrationState.known.map { to in (features: features, from: from, to: to) }
    }
}

@Suite("The state machine")
struct StateMachineTests {
    @Test("has the kernel's next state for all 64 pairs under all four feature sets")
    func nextStateIsTheKernels() {
        #expect(everyCase.count == 256)
        for (features, from, to) in everyCase {
            let expected = KernelOracle.nextState(
                from: from.rawValue, to: to.rawValue, flags: features.rawValue)
            let actual = try? StateMachine.nextState(from: from, to: to, features: features)
            #expect(actual?.rawValue == expected, "\(features.names) \(from.name) -> \(to.name)")
        }
    }

    @Test("finds the paths that the uAPI describes in words")
    func pathsAreTheShortest() {
        for (features, from, to) in everyCase {
            let expected = BreadthFirstOracle.path(from: from, to: to, features: features)
            let arcs = try? StateMachine.path(from: from, to: to, features: features)
            let actual = arcs.map { [from] + $0.map(\.to) }
            // The kernel blocks what a search would find: STOP_COPY to PRE_COPY(_P2P).
            let isBlocked = from == .stopCopy && (to == .preCopy || to == .preCopyP2P)
            #expect(
                actual == (isBlocked ? nil : expected),
                "\(features.names) \(from.name) -> \(to.name)")
        }
    }

    // The patch's own list of what is stepped through when all features are there.
    @Test(
        arguments: [
            "PRE_COPY PRE_COPY_P2P STOP_COPY", "PRE_COPY RUNNING RUNNING_P2P",
            "PRE_COPY RUNNING RUNNING_P2P STOP", "PRE_COPY RUNNING RUNNING_P2P STOP RESUMING",
            "PRE_COPY_P2P RUNNING_P2P RUNNING", "PRE_COPY_P2P RUNNING_P2P STOP",
            "PRE_COPY_P2P RUNNING_P2P STOP RESUMING", "RESUMING STOP RUNNING_P2P",
            "RESUMING STOP RUNNING_P2P PRE_COPY_P2P", "RESUMING STOP RUNNING_P2P RUNNING",
            "RESUMING STOP RUNNING_P2P RUNNING PRE_COPY", "RESUMING STOP STOP_COPY",
            "RUNNING RUNNING_P2P PRE_COPY_P2P", "RUNNING RUNNING_P2P STOP",
            "RUNNING RUNNING_P2P STOP RESUMING", "RUNNING RUNNING_P2P STOP STOP_COPY",
            "RUNNING_P2P RUNNING PRE_COPY", "RUNNING_P2P STOP RESUMING",
            "RUNNING_P2P STOP STOP_COPY", "STOP RUNNING_P2P PRE_COPY_P2P",
            "STOP RUNNING_P2P RUNNING", "STOP RUNNING_P2P RUNNING PRE_COPY",
            "STOP_COPY STOP RESUMING", "STOP_COPY STOP RUNNING_P2P",
            "STOP_COPY STOP RUNNING_P2P RUNNING",
        ])
    func pathOfThePatch(_ names: String) throws {
        let states = try names.split(separator: " ").map { name in
            try #require(MigrationState(name: String(name)))
        }
        let arcs = try StateMachine.path(
            from: states[0], to: states[states.count - 1], features: .known)
        #expect([states[0]] + arcs.map(\.to) == states)
    }

    @Test("refuses STOP_COPY to pre-copy, which older kernels look up for ever")
    func stopCopyNeverGoesBack() {
        for to in [MigrationState.preCopy, .preCopyP2P] {
            #expect(throws: TransitionRefusal.blocked(from: .stopCopy, to: to)) {
                try StateMachine.path(from: .stopCopy, to: to, features: .known)
            }
        }
    }

    @Test(
        "refuses ERROR and the states of newer kernels, from and to",
        arguments: [MigrationState.error, .unknown(8), .unknown(.max)])
    func strangeStatesAreRefused(_ state: MigrationState) {
        for other in MigrationState.known + [state] {
            #expect(throws: TransitionRefusal.blocked(from: state, to: other)) {
                try StateMachine.nextState(from: state, to: other, features: .known)
            }
            #expect(throws: TransitionRefusal.self) {
                try StateMachine.nextState(from: other, to: state, features: .known)
            }
        }
    }

    @Test("names the features that a state needs")
    func missingFeaturesAreNamed() {
        #expect(throws: TransitionRefusal.unsupported(.preCopyP2P, missing: [.p2p, .preCopy])) {
            try StateMachine.path(from: .running, to: .preCopyP2P, features: [.stopCopy])
        }
        #expect(throws: TransitionRefusal.unsupported(.preCopy, missing: .preCopy)) {
            try StateMachine.path(from: .running, to: .preCopy, features: [.stopCopy, .p2p])
        }
    }

    @Test("passes over a feature bit of a newer kernel")
    func unknownFeatureBitsChangeNothing() throws {
        let newer = MigrationFeatures(rawValue: 0xff)
        let path = try StateMachine.path(from: .preCopy, to: .stopCopy, features: newer)
        #expect(path.map(\.to) == [.preCopyP2P, .stopCopy])
    }

    @Test("lists what can be reached")
    func reachableStates() {
        #expect(
            StateMachine.reachableStates(from: .stopCopy, features: .known)
                == [.stop, .running, .resuming, .runningP2P])
        #expect(StateMachine.reachableStates(from: .error, features: .known).isEmpty)
        #expect(
            StateMachine.reachableStates(from: .running, features: [.stopCopy])
                == [.stop, .stopCopy, .resuming])
    }
}
