import MigrationModel
import Testing

@Suite("An arc")
struct ArcTests {
    @Test("opens, keeps or ends the session as the uAPI says")
    func sessionEffects() {
        func effect(_ from: MigrationState, _ to: MigrationState) -> SessionEffect {
            Arc(from: from, to: to).sessionEffect
        }
        #expect(effect(.running, .preCopy) == .opens(.saving))
        #expect(effect(.runningP2P, .preCopyP2P) == .opens(.saving))
        #expect(effect(.stop, .stopCopy) == .opens(.saving))
        #expect(effect(.stop, .resuming) == .opens(.resuming))
        #expect(effect(.preCopy, .preCopyP2P) == .keeps)
        #expect(effect(.preCopyP2P, .preCopy) == .keeps)
        #expect(effect(.preCopyP2P, .stopCopy) == .keeps)
        #expect(effect(.preCopy, .stopCopy) == .keeps)
        #expect(effect(.preCopy, .running) == .ends(.saving))
        #expect(effect(.preCopyP2P, .runningP2P) == .ends(.saving))
        #expect(effect(.stopCopy, .stop) == .ends(.saving))
        #expect(effect(.resuming, .stop) == .ends(.resuming))
        #expect(effect(.running, .runningP2P) == .none)
        #expect(effect(.stop, .runningP2P) == .none)
    }

    @Test("opens a session at most at the end of a path, so that a path has one data fd")
    func pathsOpenOneSession() throws {
        for features in MigrationFeatures.legalSets {
            for from in MigrationState.known {
                for to in StateMachine.reachableStates(from: from, features: features) {
                    let arcs = try StateMachine.path(from: from, to: to, features: features)
                    for arc in arcs.dropLast() {
                        if case .opens = arc.sessionEffect {
                            Issue.record("\(from.name) -> \(to.name) opens a session on its way")
                        }
                    }
                }
            }
        }
    }

    @Test("knows the commit, and what leaves pre-copy with the device running")
    func kinds() {
        #expect(Arc(from: .resuming, to: .stop).isCommit)
        #expect(!Arc(from: .stopCopy, to: .stop).isCommit)
        #expect(Arc(from: .preCopy, to: .running).leavesPreCopyRunning)
        #expect(Arc(from: .preCopyP2P, to: .runningP2P).leavesPreCopyRunning)
        #expect(!Arc(from: .preCopyP2P, to: .stopCopy).leavesPreCopyRunning)
    }
}
