import Devices
import JSON
import MigrationModel
import SystemCalls
import SystemPackage

@testable import Orchestration

extension Schedule {
    /// Does a step, at its end; nil if it goes on.
    mutating func perform(_ step: Step, _ role: MigrationPlan.Role) -> Outcome? {
        switch step {
        case .look(let place): return .seen(sighting(role, place))
        case .enter(let place, let state): return enter(role, place, state)
        case .commit(let place, let image):
            let isRight = image == .whole
            if isRight && there[place].commit(place) { return .seen(sighting(role, place)) }
            return refused(role, place, .failed)
        case .reset(let place):
            if role == .source {
                note(!source.journal.contains { $0.kind == .lettingGo }, "a source is reset early")
                here[place].reset()
            } else {
                there[place].reset()
            }
            return .seen(sighting(role, place))
        case .seal(let isSealed):
            change(role) { $0.isSealed = isSealed }
            return .done
        case .handOver, .release, .detach, .cut: return .done
        case .stream(let place): return stream(place)
        case .sample:
            // A megabyte a second, and nothing left at any moment.
            let bytes = UInt64(now / .microseconds(1))
            return .sampled(
                Sample(
                    readBytes: bytes, sentBytes: bytes, acknowledgedBytes: bytes,
                    info: PrecopyInfo(initialBytes: 0, dirtyBytes: 0), stopCopyLength: 1000,
                    isDrained: true))
        case .write(let record):
            if agent(role).isDiskFull { return .notWritten(.noSpace) }
            change(role) { $0.journal.append(record) }
            return .done
        case .ask: return nil
        }
    }

    private mutating func enter(
        _ role: MigrationPlan.Role, _ place: Int, _ state: MigrationState
    ) -> Outcome {
        guard role == .source else {
            let isAllowed = destination.journal.contains { $0.kind == .running }
            note(!isAllowed, "the destination leaves STOP without having written it down")
            let from = there[place].state
            if let refusal = there[place].enter(state) { return refused(role, place, refusal) }
            var sighting = sighting(role, place)
            sighting.arcs = [
                ArcEntry(
                    side: role, device: name("b", place), arc: Arc(from: from, to: state),
                    duration: .zero, at: Timestamp(microsecondsSinceEpoch: 0))
            ]
            return .seen(sighting)
        }
        let from = here[place].state
        note(from == .stopCopy && state.isPreCopy, "STOP_COPY to PRE_COPY was asked for")
        if state == .stopCopy && from != .stop {
            // One that its guest has reset in this very moment runs, and may be stopped as it is.
            let isMoving = here.indices.contains { place in
                [.running, .preCopy].contains(here[place].state) && !spoiled.contains(place)
            }
            note(isMoving, "a device stops before all of them are quiesced")
        }
        if let refusal = here[place].enter(state) { return refused(role, place, refusal) }
        return .seen(sighting(role, place))
    }

    /// An image goes over in one piece, once its device has stopped.
    private mutating func stream(_ place: Int) -> Outcome? {
        let device = here[place]
        guard device.state.isInSavingGroup else { return .streamed(.lost("the session has ended")) }
        guard destination.machine != nil, there[place].state == .resuming else {
            return .streamed(.void("the destination is not in RESUMING"))
        }
        if isRough && dice.oneIn(40) { return .streamed(.cut("the connection broke")) }
        if isRough && dice.oneIn(60) { return .streamed(.void("it is not kept any more")) }
        guard device.state == .stopCopy else { return nil }
        send(place)
        return .streamed(.complete(.whole))
    }

    /// An image arrives, now and then with a wrong bit.
    mutating func send(_ place: Int) {
        here[place].isComplete = true
        here[place].wasComplete = true
        there[place].received = (here[place].session, !(isRough && dice.oneIn(40)))
    }

    private func sighting(_ role: MigrationPlan.Role, _ place: Int) -> Sighting {
        let device = role == .source ? here[place] : there[place]
        return Sighting(
            state: device.state, session: "\(device.session)", isComplete: device.isComplete,
            wasComplete: device.wasComplete)
    }

    private func refused(
        _ role: MigrationPlan.Role, _ place: Int, _ refusal: ModelDevice.Refused
    ) -> Outcome {
        .refused(
            Refusal(
                isBusy: refusal == .busy, problem: .failure("device-failed", "\(refusal)"),
                sighting: sighting(role, place)))
    }

    // MARK: The destination's API

    /// A request has come over the network.
    mutating func arrives(_ call: Call, _ epoch: UInt64, _ life: Int) {
        log("the destination is asked to \(call)")
        guard destination.isUp else {
            // What the network has taken may come yet.
            let mayCome = queue.contains { entry in
                if case .arrives(call, _, life) = entry.event { true } else { false }
            }
            let reason = "nobody listens"
            return answer(call, mayCome ? .unanswered(reason) : .unreached(reason), life)
        }
        switch call {
        case .open: open(epoch, life)
        case .enter(let id):
            guard let place = claimed(id), !destination.isSealed,
                [.running, .resuming].contains(there[place].state)
            else {
                return deny(call, "device-claimed", life)
            }
            if there[place].state == .running { _ = there[place].enter(.resuming) }
            there[place].state == .resuming
                ? answer(call, .answered(nil), life) : deny(call, "device-busy", life)
        case .reset(let id):
            guard let place = claimed(id), there[place].content == .blank else {
                return deny(call, "device-claimed", life)
            }
            there[place].reset()
            answer(call, .answered(nil), life)
        case .status:
            guard let record else { return deny(call, "not-found", life) }
            answer(call, .answered(record), life)
        case .prepare(let images): request(.prepare(epoch: epoch, images), call, life)
        case .run: request(.run(epoch: epoch, plan.options.finalState), call, life)
        case .discard:
            if destination.machine == nil {
                hasTombstone = true
                return answer(
                    call, .answered(PeerRecord(phase: "discarded", devices: [], arcs: [])), life)
            }
            request(.discard(epoch: epoch), call, life)
        }
    }

    private mutating func open(_ epoch: UInt64, _ life: Int) {
        if let record, let machine = destination.machine {
            return machine.phase.isEnd
                ? deny(.open, "migration-ended", life) : answer(.open, .answered(record), life)
        }
        guard !hasTombstone, there.allSatisfy({ $0.state == .running }), !destination.isDiskFull
        else { return deny(.open, "migration-ended", life) }
        var plan = plan
        plan.role = .destination
        destination.journal = [Record(.opened)]
        destination.firstBoot = destination.boot
        destination.machine = .destination(
            DestinationMachine(
                plan, members, epoch: epoch, isRestarted: false, at: time(.destination)))
        if let record { answer(.open, .answered(record), life) }
    }

    private mutating func request(_ request: MigrationRequest, _ call: Call, _ life: Int) {
        guard var machine = destination.machine else { return deny(call, "not-found", life) }
        do throws(MigrationProblem) {
            try machine.request(request)
        } catch {
            return deny(call, "\(error)", life)
        }
        destination.machine = machine
        waiting.append((request, call, life))
        work(.destination)
    }

    /// Answers the requests whose answers are known by now.
    mutating func answerWaiting() {
        guard let machine = destination.machine, let record else { return }
        for wait in waiting {
            switch machine.answer(to: wait.request) {
            case nil: continue
            case .success?: answer(wait.call, .answered(record), wait.life)
            case .failure(let problem)?: deny(wait.call, "\(problem)", wait.life)
            }
        }
        waiting.removeAll { machine.answer(to: $0.request) != nil }
    }

    private mutating func answer(_ call: Call, _ outcome: Outcome, _ life: Int) {
        if isRough && dice.oneIn(8) { return }
        schedule(.answered(call, outcome, life: life), in: dice.milliseconds(0...30))
    }

    private mutating func deny(_ call: Call, _ code: String, _ life: Int) {
        answer(call, .denied(status: 409, .failure(code, code)), life)
    }

    private var record: PeerRecord? {
        destination.machine.map { machine in
            PeerRecord(
                phase: machine.phase.rawValue, devices: members.map(\.device), arcs: [])
        }
    }

    var members: [DestinationMember] {
        there.indices.map { place in
            DestinationMember(
                device: name("b", place), features: there[place].features,
                losesState: isSoleHolder || !destination.isSameBoot)
        }
    }

    /// The place of a device that the migration has.
    private func claimed(_ id: DeviceIdentifier) -> Int? {
        guard let machine = destination.machine, !machine.phase.isEnd else { return nil }
        return there.indices.first { name("b", $0) == id }
    }
}
