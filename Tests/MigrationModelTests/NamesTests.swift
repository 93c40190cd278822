import MigrationModel
import Testing

@Suite("Names and numbers")
struct NamesTests {
    @Test("of states are the uAPI's")
    func states() {
        let names = [
            "ERROR", "STOP", "RUNNING", "STOP_COPY", "RESUMING", "RUNNING_P2P", "PRE_COPY",
            "PRE_COPY_P2P",
        ]
        for (number, name) in names.enumerated() {
            let state = MigrationState(rawValue: UInt32(number))
            #expect(state.name == name)
            #expect(state.rawValue == UInt32(number))
            #expect(MigrationState(name: name) == state)
        }
    }

    @Test("of states that this agent does not know are kept", arguments: [8, 99, UInt32.max])
    func unknownStates(_ number: UInt32) {
        let state = MigrationState(rawValue: number)
        #expect(state == .unknown(number))
        #expect(state.rawValue == number)
        #expect(state.name == "UNKNOWN(\(number))")
        #expect(MigrationState(name: state.name) == nil)
    }

    @Test("of features are the uAPI's, and a bit of a newer kernel is kept")
    func features() {
        #expect(MigrationFeatures.known.names == ["STOP_COPY", "P2P", "PRE_COPY"])
        #expect(MigrationFeatures(rawValue: 0b1001).names == ["STOP_COPY", "UNKNOWN_BIT(3)"])
        #expect(MigrationFeatures(name: "P2P") == .p2p)
        #expect(MigrationFeatures(name: "UNKNOWN_BIT(3)") == nil)
        #expect(MigrationFeatures(rawValue: 1 << 63).names == ["UNKNOWN_BIT(63)"])
    }

    @Test("of read outcomes depend on the state before the read")
    func readOutcomes() {
        #expect(ReadOutcome(count: 5, begunIn: .preCopy) == .bytes(5))
        #expect(ReadOutcome(count: 0, begunIn: .preCopy) == .drained)
        #expect(ReadOutcome(count: 0, begunIn: .preCopyP2P) == .drained)
        #expect(ReadOutcome(count: 0, begunIn: .stopCopy) == .endOfStream)
        #expect(ReadOutcome(noMessageIn: .preCopyP2P) == .drained)
        #expect(ReadOutcome(noMessageIn: .stopCopy) == .violation)
    }
}
