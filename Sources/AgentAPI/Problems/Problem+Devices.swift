public import Devices
internal import Digests
internal import JSON
internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

extension Problem {
    /// The problem that a device's refusal is.
    ///
    /// - Parameter action: what was tried on what: `PUT state of sim0`.
    init(of problem: DeviceProblem, _ action: String) {
        switch problem {
        case .invalidTransition(let from, let to, let reachable):
            self.init(
                .invalidTransition,
                "\(action): there is no way from \(from.name) to \(to.name); nothing was sent to the kernel.",
                [
                    "from": .string(from.name), "to": .string(to.name),
                    "reachable_states": .names(reachable),
                ])
        case .unsupportedState(let state, let missing):
            self.init(
                .unsupportedState,
                "\(action): \(state.name) needs \(missing.names.joined(separator: " and ")), which the device lacks.",
                ["missing_features": .array(missing.names.map(JSONValue.string))])
        case .claimed(let migration):
            self.init(
                .deviceClaimed, "\(action): the migration \(migration) has the device to itself.",
                ["migration": .string("\(migration)")])
        case .notClaimed(let migration):
            self.init(
                .migrationMismatch,
                "\(action): the migration \(migration) does not have the device.",
                ["migration": .string("\(migration)")])
        case .handedOver(let handedOver):
            self.init(
                .deviceHandedOver,
                "\(action): the device's image went to \(handedOver.destination) and runs there.",
                ["migration": .string("\(handedOver.migration)")])
        case .transitionInProgress(let transition):
            let what = transition.map { "on its way from \($0.from.name) to \($0.to.name)" }
            self.init(
                .transitionInProgress, "\(action): the device is \(what ?? "being reset").",
                ["transition": transition?.json])
        case .preconditionFailed(let generation):
            self.init(
                .preconditionFailed, "\(action): the device is at generation \(generation).",
                ["generation": .count(generation)])
        case .preconditionRequired(let state):
            self.init(
                .preconditionRequired,
                "\(action): in \(state.name) this loses data, so it needs If-Match or Idempotency-Key.",
                ["state": .string(state.name)])
        case .stateMismatch(let state, let session):
            self.init(
                .stateMismatch, "\(action): not possible in \(state.name).",
                ["state": .string(state.name), "session": session?.json])
        case .sessionActive(let session):
            self.init(
                .sessionActive,
                "\(action): its \(session.direction.rawValue) session is \(session.phase.rawValue) at offset \(session.offset).",
                ["session": session.json])
        case .sessionLost(let state, let session, let recovery):
            let what = session.map { "its session \($0.id) is \($0.phase.rawValue)" }
            self.init(
                .sessionLost,
                "\(action): the device is in \(state.name) and \(what ?? "its session is gone").",
                [
                    "state": .string(state.name), "session": session?.json,
                    "recovery": recovery.json,
                ])
        case .noSession:
            self.init(.noSession, "\(action): the device never had a data transfer session.")
        case .streamBusy(let offset):
            self.init(
                .streamBusy, "\(action): another connection is at offset \(offset).",
                ["offset": .count(offset)])
        case .offsetRequired(let offset, let earliest):
            self.init(
                .offsetRequired,
                "\(action): the last stream was cut at or before offset \(offset), so say where to go on.",
                ["offset": .count(offset), "earliest_offset": .count(earliest)])
        case .offsetUnavailable(let wanted, let offset, let earliest):
            self.init(
                .offsetUnavailable,
                "\(action): offset \(wanted) is not between \(earliest) and \(offset).",
                ["offset": .count(offset), "earliest_offset": .count(earliest)])
        case .offsetMismatch(let expected):
            self.init(
                .offsetMismatch,
                "\(action): the session stands at \(expected), and the body does not start there.",
                ["expected_offset": .count(expected)])
        case .declarationMismatch(let session):
            self.init(
                .invalidRequest,
                "\(action): Upload-Length, Repr-Digest or Content-Length does not fit what was said of the image before.",
                [
                    "parameter": "Upload-Length", "offset": .count(session.offset),
                    "declared_bytes": session.declaredBytes.flatMap(JSONValue.count),
                ])
        case .digestMismatch(let session, let expected, let actual):
            let found = actual?.hexadecimal ?? "was not computed"
            self.init(
                .digestMismatch,
                "\(action): the sender's SHA-256 is \(expected.hexadecimal), that of what came \(found).",
                [
                    "session": session.json,
                    "recovery": session.completion.json,
                ])
        case .imageUnverified(let session):
            self.init(
                .imageUnverified,
                "\(action): \(session.offset) bytes are there, and nothing says that they are the whole image.",
                ["offset": .count(session.offset), "recovery": session.completion.json])
        case .imageIncomplete(let session, let reason, let declared):
            self.init(
                .imageIncomplete, "\(action): \(reason); nothing was committed.",
                [
                    "offset": .count(session.offset),
                    "declared_bytes": declared.flatMap(JSONValue.count),
                    "recovery": session.completion.json,
                ])
        case .writeRejected(let session, let error):
            self.init(
                .writeRejected, "\(action): \(error.text) at offset \(session.offset).",
                [
                    "errno": .string(error.errno.name), "offset": .count(session.offset),
                    "recovery": [Recovery.reset].json,
                ])
        case .arcFailed(let failure):
            self.init(of: failure, action)
        case .resetFailed(let error, let state):
            let slug: ProblemSlug =
                switch error.errno {
                case .invalidArgument: .resetUnsupported
                case .resourceTemporarilyUnavailable: .resetBusy
                default: .deviceFailed
                }
            self.init(
                slug, "\(action): \(error.text).",
                ["errno": .string(error.errno.name), "state_after": .string(state.name)])
        case .notSupported(let call):
            self.init(.notSupported, "\(action): the kernel or the driver lacks \(call).")
        case .deviceFailed(let error, let state):
            self.init(
                .deviceFailed, "\(action): \(error.text).",
                ["errno": .string(error.errno.name), "state": .string(state.name)])
        case .outOfResources(let errno):
            self.init(
                .overloaded, "\(action): the agent is out of resources: \(errno.text).",
                ["errno": .string(errno.name)])
        case .detached:
            self.init(.notFound, "\(action): the device is not attached any more.")
        }
    }

    private init(of failure: ArcFailure, _ action: String) {
        let slug: ProblemSlug
        switch failure.error.errno {
        case .resourceBusy: slug = .deviceBusy
        case .invalidArgument where failure.failedArc.isCommit: slug = .imageRejected
        default: slug = .deviceFailed
        }
        let arc = failure.failedArc
        self.init(
            slug,
            "\(action): from \(arc.from.name) to \(arc.to.name) \(failure.error.text); the device is in \(failure.stateAfter.name).",
            [
                "state_before": .string(failure.stateBefore.name),
                "completed_arcs": .array(failure.completedArcs.map(\.json)),
                "failed_arc": arc.json, "state_after": .string(failure.stateAfter.name),
                "errno": .string(failure.error.errno.name), "recovery": failure.recovery.json,
            ])
    }

    /// The problem that a refusal to attach is.
    init(of problem: AttachProblem) {
        switch problem {
        case .idTaken(let id):
            self.init(.deviceExists, "Attaching \(id): a device with this id is attached.")
        case .inUse(let name, let error):
            self.init(
                .deviceInUse, "Attaching \(name): \(error?.text ?? "it is attached already").",
                ["errno": (error?.errno.name).map(JSONValue.string)])
        case .failed(let name, let error):
            self.init(
                .attachFailed, "Attaching \(name): \(error.text).",
                ["errno": .string(error.errno.name)])
        case .noMigrationSupport(let name):
            self.init(.noMigrationSupport, "Attaching \(name): its driver cannot migrate it.")
        case .simulationDisabled:
            self.init(
                .simulationDisabled,
                "Attaching a simulated device: the agent was started without --simulate.")
        case .tooMany(let limit):
            self.init(.overloaded, "Attaching a device: the agent has \(limit) devices already.")
        }
    }
}

extension TransferSession {
    /// What can be done about an image that is not whole.
    fileprivate var completion: [Recovery] {
        isSound ? [.append, .reset] : [.reset]
    }
}

extension AttachProblem {
    /// The problem in a sentence.
    public var explanation: String {
        Problem(of: self).detail
    }
}

extension DeviceError {
    /// `read of the data fd failed with EIO (Input/output error)`.
    var text: String {
        "\(call) failed with \(errno.text)"
    }
}

extension Errno {
    /// `EIO (Input/output error)`.
    var text: String {
        "\(name) (\(description))"
    }
}
