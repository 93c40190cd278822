internal import Devices
internal import JSON
internal import MigrationModel
internal import SystemCalls
internal import SystemPackage

/// A device of this agent, as a migration asks it for things.
struct LocalDevice: Sendable {
    let id: DeviceIdentifier
    let registry: DeviceRegistry
    let migration: MigrationIdentifier
    let side: MigrationPlan.Role
    let codec: any MigrationCodec

    private var requester: Requester { .agent(for: migration) }

    /// Where the device stands; blocks as long as its driver does.
    func look() -> Outcome {
        with { controller in .seen(sighting(controller.lookAtDeviceIfIdle())) }
    }

    func enter(_ state: MigrationState) -> Outcome {
        change("to \(state.name)") { controller throws(DeviceProblem) in
            try controller.transition(to: state, by: requester)
        }
    }

    /// From RESUMING and from nowhere else: STOP can be reached without an image, too.
    func commit(_ image: Image) -> Outcome {
        var proof = CommitProof()
        proof.bytes = image.bytes
        proof.sha256 = image.sha256
        return change("to STOP, with its image,") { controller throws(DeviceProblem) in
            let seen = controller.lookAtDeviceIfIdle()
            guard seen.state == .resuming else {
                throw .stateMismatch(seen.state, session: seen.session)
            }
            var requester = requester
            requester.generations = [seen.generation]
            return try controller.transition(to: .stop, by: requester, proof: proof)
        }
    }

    func seal(_ isSealed: Bool) {
        registry.device(id)?.seal(isSealed, for: migration)
    }

    /// Resets the device, whatever it has in it.
    func reset() -> Outcome {
        change("to reset") { controller throws(DeviceProblem) in
            var requester = requester
            requester.isConditional = true
            return try controller.reset(by: requester)
        }
    }

    func handOver(to destination: String, at: Timestamp) -> Outcome {
        with { controller in
            controller.handOver(
                HandedOver(migration: migration, destination: destination, at: at))
            return .done
        }
    }

    func detach() -> Outcome {
        with { controller in
            do throws(DeviceProblem) {
                try registry.detach(controller, force: true, by: requester)
                return .done
            } catch {
                return refusal(error, "Detaching \(id)", controller)
            }
        }
    }

    func release() {
        registry.device(id)?.release(from: migration)
    }

    /// The attached device, for its stream.
    var controller: DeviceController? {
        registry.device(id)
    }

    private func with(_ body: (DeviceController) -> Outcome) -> Outcome {
        guard let controller = registry.device(id) else {
            let problem = JSONValue.failure("not-found", "No device '\(id)' is attached.")
            return .refused(Refusal(isBusy: false, isGone: true, problem: problem))
        }
        return body(controller)
    }

    private func change(
        _ goal: String,
        _ body: (DeviceController) throws(DeviceProblem) -> TransitionReport
    ) -> Outcome {
        with { controller in
            do throws(DeviceProblem) {
                let report = try body(controller)
                return .seen(sighting(controller.snapshot, report.arcs))
            } catch {
                return refusal(error, "Taking \(id) \(goal)", controller)
            }
        }
    }

    private func refusal(
        _ problem: DeviceProblem, _ action: String, _ controller: DeviceController
    ) -> Outcome {
        var isBusy = false
        var arcs: [TimedArc] = []
        switch problem {
        case .transitionInProgress, .streamBusy, .preconditionFailed: isBusy = true
        case .arcFailed(let failure):
            isBusy = failure.error.errno == .resourceBusy
            arcs = failure.completedArcs
        case .resetFailed(let error, _):
            isBusy = error.errno == .resourceTemporarilyUnavailable
        default: break
        }
        return .refused(
            Refusal(
                isBusy: isBusy, problem: codec.explain(problem, action),
                sighting: sighting(controller.snapshot, arcs)))
    }

    private func sighting(_ snapshot: DeviceSnapshot, _ arcs: [TimedArc] = []) -> Sighting {
        let session = snapshot.session
        return Sighting(
            state: snapshot.state, session: session?.id, isComplete: session?.phase == .complete,
            wasComplete: session?.direction == .saving && session?.sha256 != nil,
            arcs: arcs.map { timed in
                ArcEntry(
                    side: side, device: id, arc: timed.arc, duration: timed.duration,
                    at: timed.endedAt)
            })
    }
}
