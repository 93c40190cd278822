internal import MigrationModel

extension SourceMachine {
    /// All devices come to stand with their DMA, and only then all of them stop.
    mutating func quiesce() {
        switch stage {
        case .quiesce: standStill()
        case .stop: stop()
        case .backToPrecopy: goBack { $0.state == .preCopy || $0.state == .running }
        case .backToRunning: goBack { $0.state == .running }
        }
    }

    private mutating func standStill() {
        for place in members.indices {
            keepStreaming(place)
            let goal = members[place].quiesced
            if members[place].state != goal { agenda.want(.enter(place, goal)) }
        }
        guard members.allSatisfy({ $0.state == $0.quiesced && !$0.isUnsure }) else { return }
        guard passes(.beforeStop) else { return }
        // Written before the first device stops; it costs no forced write.
        guard wasStopping else { return agenda.want(.write(Record(.stopping))) }
        stage = .stop
        times.stopStart = now
        stop()
    }

    private mutating func stop() {
        for place in members.indices {
            keepStreaming(place)
            if members[place].state != .stopCopy { agenda.want(.enter(place, .stopCopy)) }
        }
        guard members.allSatisfy({ $0.state == .stopCopy && !$0.isUnsure }) else { return }
        phase = .draining
        times.drainStart = now
        drain()
    }

    /// A device did not do its part of the stop.
    mutating func declined(_ refusal: Refusal) {
        guard refusal.isBusy, declined < Tries.few else { return fail(refusal.problem) }
        declined += 1
        conditions.set(
            .declined, true, "A device declined to stop \(declined) times; it is tried again.")
        let hasStopped = members.contains { $0.state == .stopCopy || $0.state == .stop }
        stage = hasStopped || stage == .stop ? .backToRunning : .backToPrecopy
        notBefore = now + .milliseconds(200) * declined
    }

    private mutating func goBack(until isBack: (SourceMember) -> Bool) {
        guard !agenda.isChangingDevices else { return }
        if members.allSatisfy(isBack) {
            if stage == .backToRunning {
                for place in members.indices where members[place].isEntered {
                    members[place].needsRestart = true
                    members[place].image = nil
                }
            }
            times = Downtime()
            phase = .copying
            return copy()
        }
        if stage == .backToPrecopy {
            for place in members.indices {
                keepStreaming(place)
                switch members[place].state {
                case .preCopyP2P: agenda.want(.enter(place, .preCopy))
                case .runningP2P: agenda.want(.enter(place, .running))
                default: break
                }
            }
        } else {
            runAgain()
        }
    }

    /// Takes stopped devices back, in step: all to STOP, all to RUNNING_P2P, all to RUNNING.
    mutating func runAgain() {
        let places = members.indices.filter { !members[$0].isStuck && !members[$0].isLost }
        let stopped = places.filter { members[$0].state == .stopCopy }
        if !stopped.isEmpty { return stopped.forEach { agenda.want(.enter($0, .stop)) } }
        let still = places.filter {
            members[$0].hasP2P && [.stop, .preCopyP2P].contains(members[$0].state)
        }
        if !still.isEmpty { return still.forEach { agenda.want(.enter($0, .runningP2P)) } }
        for place in places where members[place].state != .running {
            agenda.want(.enter(place, .running))
        }
    }

    /// The rest of the images is on its way.
    mutating func drain() {
        sampleLongStop()
        for place in members.indices {
            if members[place].needsRestart {
                beginAnew(place)
            } else if members[place].state == .stop {
                agenda.want(.enter(place, .stopCopy))
            } else {
                keepStreaming(place)
            }
        }
        // Written down while the last bytes are on their way.
        if prepared == .notAsked { agenda.want(.write(Record(.preparing))) }
        guard members.allSatisfy({ $0.image != nil }), prepared == .unknown else { return }
        phase = .preparing
        times.prepareStart = now
        prepare()
    }

    /// Nothing but the last bytes has to be done in a stop; who waits for a long one wants to see them move.
    private mutating func sampleLongStop() {
        guard let start = times.drainStart else { return }
        let due = start + .milliseconds(300)
        if now < due { return agenda.wakeUp(at: due) }
        for place in members.indices where members[place].hasStream { agenda.want(.sample(place)) }
    }

    /// STOP_COPY to STOP and back opens a new session with the whole image, without running in between.
    private mutating func beginAnew(_ place: Int) {
        if agenda.underWay.contains(.stream(place)) { return agenda.want(.cut(place)) }
        guard let destination = members[place].destination else { return }
        switch members[place].state {
        case .stopCopy where members[place].isEntered: agenda.want(.enter(place, .stop))
        case .stop where members[place].isEntered: agenda.want(.ask(.reset(destination)))
        case .stop: agenda.want(.ask(.enter(destination)))
        default: break
        }
    }

    /// The destination takes the images in; then every copy is looked at once more.
    mutating func prepare() {
        guard prepared == .yes else { return agenda.want(.ask(.prepare(images))) }
        guard passes(.beforeRun) else { return }
        decide()
    }

    /// The point of no return, if every copy is what it was.
    mutating func decide() {
        for place in members.indices where !members[place].isVerified {
            agenda.want(.look(place))
        }
        guard members.allSatisfy(\.isVerified) else { return }
        agenda.want(.write(Record(.committed)))
    }

    private var images: Images {
        var images = Images()
        for member in members {
            if let device = member.destination { images[device] = member.image }
        }
        return images
    }

    /// A client coordinates: it has asked for the decision, or not.
    mutating func decideForClient() {
        if isCommitAsked { decide() }
    }
}
