import Devices
import MigrationModel
import SystemPackage
import TestSupport
import Testing

extension Laws {
    @Suite("Laws of states")
    struct StateLaws {
        @Test("A device starts in RUNNING, with a legal set of features", arguments: Subject.all)
        func start(_ subject: Subject) throws {
            let device = try subject.device()
            #expect(try device.state() == .running)
            #expect(device.features.intersection(.known) == subject.features)
            #expect(MigrationFeatures.legalSets.contains(subject.features))
            #expect((device.precopyInfoVersion == nil) == !subject.features.contains(.preCopy))
        }

        @Test(
            "Every state is reached from every other, arc by arc, as the model says",
            arguments: Subject.all)
        func arcs(_ subject: Subject) throws {
            for from in subject.states {
                for to in StateMachine.reachableStates(from: from, features: subject.features)
                where from != .resuming {
                    let device = try subject.device()
                    try device.take(to: from)
                    for arc in try StateMachine.path(from: from, to: to, features: subject.features)
                    {
                        let file = try device.setState(arc.to)
                        #expect(try device.state() == arc.to)
                        if case .opens = arc.sessionEffect {
                            #expect(file != nil, "\(arc) opens a session")
                        } else {
                            #expect(file == nil, "\(arc) opens no session")
                        }
                    }
                }
            }
        }

        @Test("A device walks combination transitions itself", arguments: Subject.all)
        func combinations(_ subject: Subject) throws {
            for from in subject.states {
                for to in StateMachine.reachableStates(from: from, features: subject.features)
                where from != .resuming {
                    let device = try subject.device()
                    let kept = try device.take(to: from)
                    _ = try device.setState(to)
                    #expect(try device.state() == to, "\(from.name) -> \(to.name)")
                    _ = kept
                }
            }
        }

        @Test(
            "Asking for the current state succeeds and returns no data file", arguments: Subject.all
        )
        func currentState(_ subject: Subject) throws {
            for state in subject.states {
                let device = try subject.device()
                let kept = try device.take(to: state)
                #expect(try device.setState(state) == nil)
                #expect(try device.state() == state)
                _ = kept
            }
        }

        @Test("What a device does not have is EINVAL and changes nothing", arguments: Subject.all)
        func strangeStates(_ subject: Subject) throws {
            let foreign = MigrationState.known.filter { !$0.isSupported(by: subject.features) }
            for state in foreign + [.unknown(8), .unknown(.max)] {
                let device = try subject.device()
                #expect(
                    failure { _ = try device.setState(state) } == .invalidArgument, "\(state.name)")
                #expect(try device.state() == .running)
            }
        }

        @Test(
            "A reset leads to RUNNING from everywhere and ends the session", arguments: Subject.all)
        func reset(_ subject: Subject) throws {
            for state in subject.states {
                let device = try subject.device()
                let file = try device.take(to: state)
                try device.reset()
                #expect(try device.state() == .running)
                if let file {
                    let isResuming = state == .resuming
                    #expect(
                        failure {
                            if isResuming {
                                try file.writeAll([1, 2, 3])
                            } else {
                                _ = try file.piece(upTo: 10, in: state)
                            }
                        } == .operationNotSupportedByDevice, "\(state.name)")
                }
            }
        }

        @Test("The length of STOP_COPY's data is known", arguments: Subject.all)
        func stopCopyLength(_ subject: Subject) throws {
            let device = try subject.device()
            let length = try #require(try device.stopCopyLength())
            #expect(length > 0)
        }
    }
}

extension MigratableDevice {
    /// Takes a fresh device to a state, arc by arc, and answers the data file if one is open there.
    @discardableResult
    func take(to state: MigrationState) throws -> (any MigrationDataFile)? {
        var file: (any MigrationDataFile)?
        let known = features.intersection(.known)
        for arc in try StateMachine.path(from: try self.state(), to: state, features: known) {
            file = try setState(arc.to) ?? file
        }
        return file
    }
}
