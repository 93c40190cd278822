import Digests
import MigrationModel

@testable import Orchestration

/// A device of a schedule: where it stands, and whose image is in it.
struct ModelDevice {
    enum Content: Equatable {
        /// Nothing of this migration.
        case blank
        /// The image of the group's device with this place.
        case image(Int)
    }

    let features: MigrationFeatures
    var state = MigrationState.running
    var content: Content
    /// Grows with every session.
    var session = 0
    /// Its session's image was read to its end.
    var isComplete = false
    /// The last session's image was, at some time.
    var wasComplete = false
    /// What has arrived in RESUMING: the session that it is of, and whether it is right.
    var received: (session: Int, isRight: Bool)?
    /// The next changes that are asked for fail.
    var refusals: [Refused] = []

    enum Refused {
        case busy
        case failed
    }

    /// It does what its image makes it do: nobody else may do that.
    var runsImage: Bool {
        guard case .image = content else { return false }
        return [.running, .runningP2P, .preCopy, .preCopyP2P].contains(state)
    }

    /// A copy from which the image could still run.
    var isCopy: Bool {
        if case .image = content { state != .error && state != .resuming } else { false }
    }

    /// Does what a driver does; answers what it refused.
    mutating func enter(_ target: MigrationState) -> Refused? {
        if !refusals.isEmpty { return refusals.removeFirst() }
        guard let path = try? StateMachine.path(from: state, to: target, features: features) else {
            return .failed
        }
        for arc in path {
            precondition(!arc.isCommit, "only a commit leaves RESUMING for STOP")
            switch arc.sessionEffect {
            case .opens:
                session += 1
                isComplete = false
                wasComplete = false
                received = nil
            case .ends: isComplete = false
            case .keeps, .none: break
            }
            state = arc.to
        }
        return nil
    }

    /// Takes the image in, if it is there and right; answers whether it did.
    mutating func commit(_ place: Int) -> Bool {
        guard state == .resuming, received?.isRight == true, refusals.isEmpty else {
            if !refusals.isEmpty { refusals.removeFirst() }
            return false
        }
        state = .stop
        content = .image(place)
        return true
    }

    mutating func reset() {
        state = .running
        content = .blank
        received = nil
        isComplete = false
    }

    mutating func fail() {
        state = .error
        isComplete = false
        received = nil
    }

    /// What its agent's death does to it: the data file is gone, and the session with it.
    mutating func loseSession() {
        session += 1
        isComplete = false
        wasComplete = false
        received = nil
    }
}

extension Image {
    /// An image as it is read from any device of a schedule.
    static let whole = Image(bytes: 1000, sha256: SHA256().digest)
}
