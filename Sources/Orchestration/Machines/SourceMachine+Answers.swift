internal import Devices
internal import JSON
internal import MigrationModel

extension SourceMachine {
    /// The other agent has answered, or not.
    mutating func heard(_ call: Call, _ outcome: Outcome) {
        let step = Step.ask(call)
        switch outcome {
        case .answered(let record):
            agenda.ended(step)
            peerAnswers()
            answered(call, record)
        case .denied(let status, let problem):
            peerAnswers()
            denied(call, status, problem)
        case .moved(let arcs):
            agenda.ended(step)
            peerAnswers()
            self.arcs += arcs
            answered(call, nil)
        case .unanswered(let reason), .unreached(let reason):
            if case .unanswered = outcome, call == .open { wasOpened = true }
            let failures = agenda.failed(step, at: now)
            conditions.set(.peerReachable, false, reason)
            unanswered(call, failures, reason)
        default: agenda.failed(step, at: now)
        }
    }

    mutating func peerAnswers() {
        conditions.set(.peerReachable, true, "The destination answers.")
    }

    private mutating func answered(_ call: Call, _ record: PeerRecord?) {
        if let record { note(record) }
        switch call {
        case .open:
            wasOpened = true
            guard phase == .preflight, let record else { return }
            for (place, device) in zip(members.indices, record.devices) {
                members[place].destination = device
            }
            let names = record.devices.map { JSONValue.string("\($0)") }
            agenda.want(.write(Record(.assigned, ["destinations": .array(names)])))
            phase = .copying
        case .enter(let device):
            changed(device) { member in
                member.isEntered = true
                if member.state == .stop { member.needsRestart = false }
            }
        case .reset(let device): changed(device) { $0.isEntered = false }
        case .status: learned(record)
        case .prepare:
            guard decision == nil else { return }
            switch record?.phase {
            case Phase.prepared.rawValue?:
                prepared = .yes
                times.decideStart = now
            case Phase.preparing.rawValue?: agenda.failed(.ask(call), at: now)
            default:
                prepared = .no
                fail(.failure("not-prepared", "The destination has ended the migration."))
            }
        case .run: granted(record)
        case .discard:
            conditions.set(.discarded, true, "The destination has forgotten the images.")
            agenda.want(.write(Record(.acknowledged)))
        }
    }

    private mutating func granted(_ record: PeerRecord?) {
        guard decision == .committed else { return }
        switch record?.phase {
        case Phase.completed.rawValue?:
            if times.running == nil { times.running = now }
            conditions.clear(.grantRefused)
            agenda.want(.write(Record(.lettingGo)))
        case Phase.void.rawValue?:
            prepared = .partly
            let cause = JSONValue.failure(
                "void", "An image was lost at the destination before it ran.")
            abort = Abort(end: .failed, cause: cause)
            failure = cause
            for place in members.indices { members[place].isSeen = false }
        case Phase.holding.rawValue?:
            // It runs in part, or does not know: an operator there has to say.
            phase = .holding
            agenda.ended(.ask(.run), restingFor: .seconds(1))
        default: agenda.failed(.ask(.run), at: now)
        }
    }

    private mutating func learned(_ record: PeerRecord?) {
        switch record?.phase {
        case Phase.prepared.rawValue?: prepared = .yes
        case Phase.completed.rawValue?, Phase.runningDestination.rawValue?:
            // Taken over by an operator, who has vouched that this side did not run.
            abort = nil
            prepared = .yes
            conditions.set(.takenOver, true, "The destination was told to run without the grant.")
            agenda.want(.write(Record(.committed)))
        // It may have taken some images in, and not be through with it.
        case Phase.preparing.rawValue?: agenda.failed(.ask(.status), at: now)
        case Phase.void.rawValue?: prepared = .partly
        default: prepared = .no
        }
        if phase == .inDoubt && prepared != .unknown { phase = .aborting }
    }

    private mutating func denied(_ call: Call, _ status: Int, _ problem: JSONValue) {
        let step = Step.ask(call)
        let isRetryable = problem["retryable"].map { $0 == .bool(true) } ?? (status >= 500)
        let cause = JSONValue.refused(call.name, problem)
        switch call {
        case .run:
            // It neither runs nor says void: nothing is known to be lost, nothing is given up.
            agenda.ended(step, restingFor: .seconds(1))
            phase = .holding
            conditions.set(.grantRefused, true, problem["detail"]?.text ?? "status \(status)")
        case .discard:
            agenda.ended(step, restingFor: .seconds(5))
            if isRetryable { return }
            conditions.set(.discarded, false, problem["detail"]?.text ?? "status \(status)")
        case .status:
            agenda.ended(step)
            prepared = .no
            if phase == .inDoubt { phase = .aborting }
        case .prepare where !isRetryable:
            agenda.ended(step)
            // Only the agent itself knows that it has not.
            if problem["code"] != nil { prepared = .no }
            fail(cause)
        case .open, .enter, .reset, .prepare:
            // An agent has heard of it; behind a proxy's 502 to 504 one may have.
            if call == .open && (problem["code"] != nil || status > 501) { wasOpened = true }
            let failures = agenda.failed(step, at: now)
            if !isRetryable || failures >= Tries.some { fail(cause) }
        }
    }

    private mutating func unanswered(_ call: Call, _ failures: Int, _ reason: String) {
        switch call {
        case .run:
            if failures >= Tries.few && phase != .holding { phase = .inDoubt }
        case .open, .enter, .reset, .prepare:
            if failures >= Tries.some { fail(.failure("peer-unreachable", reason)) }
        case .discard:
            conditions.set(.discarded, false, "The destination is told until it answers.")
        case .status: break
        }
    }

    private mutating func changed(
        _ device: DeviceIdentifier, _ change: (inout SourceMember) -> Void
    ) {
        guard let place = members.firstIndex(where: { $0.destination == device }) else { return }
        change(&members[place])
    }

    private mutating func note(_ record: PeerRecord) {
        peerArcs = record.arcs
        for (place, state) in zip(members.indices, record.states) {
            members[place].destinationState = state
        }
    }
}

extension JSONValue {
    /// What the other agent refused, with its own problem inside.
    static func refused(_ action: String, _ problem: JSONValue) -> JSONValue {
        let detail = problem["detail"]?.text ?? "it did not say why"
        return [
            "code": problem["code"] ?? "peer-failed",
            "detail": .string("The destination refused to \(action): \(detail)"),
            "peer": problem,
        ]
    }
}

extension Call {
    /// What it asks for, in words.
    fileprivate var name: String {
        switch self {
        case .open: "claim its devices"
        case .enter(let device): "take \(device) to RESUMING"
        case .reset(let device): "reset \(device)"
        case .status: "tell how it stands"
        case .prepare: "take the images in"
        case .run: "run"
        case .discard: "forget the images"
        }
    }
}
