internal import JSON
internal import MigrationModel

extension SourceMachine {
    // MARK: Committed

    /// Repeats the grant until it is answered.
    mutating func grant() {
        if abort != nil { return giveUp() }
        guard plan.coordinator == .agent, !agenda.isWriting else { return }
        if phase == .committed { phase = .runningDestination }
        agenda.want(.ask(.run))
    }

    /// The destination runs: nothing of the source is needed any more.
    mutating func letGo() {
        phase = .lettingGo
        for place in members.indices where !members[place].isLetGo {
            guard members[place].isMarked else {
                agenda.want(.handOver(place))
                continue
            }
            let isStill = ![.preCopy, .preCopyP2P, .stopCopy].contains(members[place].state)
            if !members[place].isSeen {
                agenda.want(.look(place))
            } else if !isStill {
                agenda.want(.enter(place, .stop))
            } else {
                dispose(of: place)
            }
        }
        guard members.allSatisfy(\.isLetGo) else { return }
        var details = times.json
        let kept = members.filter { $0.state != .running }.map { JSONValue.string("\($0.source)") }
        details["kept"] = .array(kept)
        details["devices"] = ends
        agenda.want(.write(Record(.completed, details)))
    }

    /// How every device has ended: whoever asks after a restart is told as well.
    private var ends: JSONValue {
        .array(
            members.map { member in
                [
                    "state": .string(member.state.name),
                    "destination_state": (member.destinationState?.name).map(JSONValue.string),
                    "image": member.image?.json,
                ]
            })
    }

    private mutating func dispose(of place: Int) {
        switch plan.options.sourceAfter {
        case .reset where members[place].state == .running: members[place].isLetGo = true
        case .reset: agenda.want(.reset(place))
        case .stop: members[place].isLetGo = true
        case .detach: agenda.want(.detach(place))
        }
    }

    // MARK: Given up

    /// Looks at every copy, then writes down that they are taken back; nothing has been until then.
    mutating func giveUp() {
        phase = .aborting
        for place in members.indices where agenda.underWay.contains(.stream(place)) {
            agenda.want(.cut(place))
        }
        guard !agenda.isChangingDevices, !agenda.isWriting else { return }
        for place in members.indices where !members[place].isSeen { agenda.want(.look(place)) }
        if prepared == .unknown && isRestarted && plan.coordinator == .agent {
            return askForStatus()
        }
        guard members.allSatisfy(\.isSeen) else { return }
        // What the client has asked of the destination is its own affair; images that were not whole
        // cannot be there.
        if plan.coordinator == .client && prepared == .notAsked {
            prepared = members.allSatisfy(\.wasComplete) ? .unknown : .no
        }
        if members.contains(where: \.isLost) {
            if prepared == .unknown { return askForStatus() }
            let hasLeft = members.contains { !$0.isLost && $0.runs }
            if prepared == .yes && !hasLeft {
                conditions.set(
                    .copyLost, true, "A copy is lost here; the destination has all of them.")
                return agenda.want(.write(Record(.committed)))
            }
        }
        agenda.want(.write(aborting))
    }

    /// A restarted source asks before it takes back: the destination may have been taken over. It
    /// does not wait for an answer for long, unless a copy of its own is lost.
    private mutating func askForStatus() {
        let isNeeded = members.contains(where: \.isLost)
        if plan.coordinator == .client { return hold() }
        if agenda.failures(of: .ask(.status)) >= Tries.few {
            guard members.allSatisfy(\.isSeen) else { return }
            // It stays unknown: a copy that is lost from here on is asked for again.
            guard isNeeded else { return agenda.want(.write(aborting)) }
            phase = .inDoubt
        }
        agenda.want(.ask(.status))
    }

    private var aborting: Record {
        Record(
            .aborting,
            [
                "end": (abort?.end.rawValue).map(JSONValue.string),
                "cause": abort?.cause ?? failure,
            ])
    }

    /// All copies run again, and only then the other one may go.
    mutating func rollBack() {
        if phase != .holding { phase = .aborting }
        guard !agenda.isChangingDevices else { return }
        for place in members.indices where !members[place].isSeen { agenda.want(.look(place)) }
        guard members.allSatisfy(\.isSeen) else { return }
        runAgain()
        let isDone = members.allSatisfy { $0.state == .running || $0.isLost || $0.isStuck }
        guard isDone, !agenda.isChangingDevices else { return }
        if members.contains(where: { $0.isLost || $0.isStuck }) {
            switch prepared {
            case .unknown where plan.coordinator == .agent:
                if agenda.failures(of: .ask(.status)) >= Tries.few { phase = .inDoubt }
                return agenda.want(.ask(.status))
            case .unknown, .yes, .partly: return hold()
            case .notAsked, .no: break
            }
        }
        if times.quiesceStart != nil && times.rolledBack == nil { times.rolledBack = now }
        var details = times.json
        details["devices"] = ends
        agenda.want(.write(Record(.aborted, details)))
    }

    private mutating func hold() {
        phase = .holding
        conditions.set(
            .operatorNeeded, true, "A copy is lost here, and the destination may have images.")
    }

    /// Has the other agent forget the images, for as long as it takes.
    mutating func tellDiscarded() {
        end(as: abort?.end ?? .failed)
        let isHeardOf = wasOpened || agenda.underWay.contains(.ask(.open))
        guard isHeardOf, !isAcknowledged, plan.coordinator == .agent else {
            isAcknowledged = true
            return
        }
        if !agenda.isWriting { agenda.want(.ask(.discard)) }
    }
}
