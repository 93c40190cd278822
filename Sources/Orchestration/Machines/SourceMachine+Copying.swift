internal import Devices
internal import MigrationModel

extension SourceMachine {
    private static let samplePause = Duration.milliseconds(100)
    private static let longestStall = Duration.seconds(5)

    /// Keeps every stream going, and stops the devices once the policy or a client says so.
    mutating func copy() {
        for place in members.indices { feed(place) }
        guard members.allSatisfy(\.isUnderWay) else { return }
        let assessment = policy.assess(at: now)
        let isWanted =
            isSwitchoverAsked
            || assessment.isReady && plan.options.switchover == .automatic && !isHeld
        if !isWanted {
            let isWaiting = isHeld || assessment.isReady
            phase = isWaiting ? .waitingSwitchover : .copying
            return
        }
        guard now >= notBefore else { return agenda.wakeUp(at: notBefore) }
        guard passes(.beforeQuiesce) else { return }
        phase = .quiescing
        stage = .quiesce
        times = Downtime()
        times.quiesceStart = now
        quiesce()
    }

    /// Brings one device's image on its way: the destination's device first.
    mutating func feed(_ place: Int) {
        let member = members[place]
        if member.isUnsure { return agenda.want(.look(place)) }
        guard let destination = member.destination else { return }
        if member.needsRestart { return restart(place, destination) }
        guard member.isEntered else { return agenda.want(.ask(.enter(destination))) }
        agenda.want(.sample(place))
        guard member.precopies else { return }
        if member.state == .running { return agenda.want(.enter(place, .preCopy)) }
        keepStreaming(place)
    }

    /// Has what the device still has sent, whatever happened to the stream before.
    mutating func keepStreaming(_ place: Int) {
        if members[place].isUnsure { return agenda.want(.look(place)) }
        if members[place].hasStream { agenda.want(.stream(place)) }
    }

    /// Leaves a session that is of no use, and empties the destination's device.
    private mutating func restart(_ place: Int, _ destination: DeviceIdentifier) {
        if agenda.underWay.contains(.stream(place)) { return agenda.want(.cut(place)) }
        if members[place].state != .running { return agenda.want(.enter(place, .running)) }
        if members[place].isEntered { return agenda.want(.ask(.reset(destination))) }
        members[place].needsRestart = false
        feed(place)
    }

    /// A connection that is silently dead looks like a device that has nothing to send: it is ended, and
    /// another one goes on where the destination stands.
    private mutating func noteStall(_ place: Int, _ sample: Sample) {
        let isNew = sample.acknowledgedBytes != members[place].lastAcknowledged
        let isEverything = sample.acknowledgedBytes == sample.sentBytes
        let isMoving = sample.acknowledgedBytes != nil && (isNew || isEverything)
        members[place].lastAcknowledged = sample.acknowledgedBytes
        if isMoving { return members[place].stalledSince = nil }
        let since = members[place].stalledSince ?? now
        members[place].stalledSince = since
        if now - since >= Self.longestStall, agenda.underWay.contains(.stream(place)) {
            members[place].stalledSince = nil
            agenda.want(.cut(place))
        }
    }

    /// A stream is of no use any more; answers whether it may begin anew.
    mutating func restartStream(_ place: Int, because reason: String) {
        members[place].restarts += 1
        members[place].needsRestart = true
        members[place].image = nil
        if members[place].restarts > Tries.few {
            fail(
                .failure(
                    "stream-failed",
                    "The stream of \(members[place].source) had to begin anew \(Tries.few) times; \(reason)"
                ))
        }
    }

    /// What came of asking a device, and the other agent, how a stream goes.
    mutating func sampled(_ place: Int, _ sample: Sample) {
        agenda.ended(.sample(place), restingFor: Self.samplePause)
        members[place].sample = sample
        members[place].sentBytes = max(members[place].sentBytes, sample.sentBytes)
        if sample.acknowledgedBytes != nil { peerAnswers() }
        guard phase == .copying || phase == .waitingSwitchover else { return }
        // A stream that has nothing to send does not hear that it was refused.
        if sample.isRefused && members[place].isEntered && !members[place].needsRestart {
            return restartStream(place, because: "the destination's device refuses it.")
        }
        noteStall(place, sample)
        policy.observe(
            device: place,
            PrecopyObservation(
                at: now, readBytes: sample.readBytes, sentBytes: sample.sentBytes,
                acknowledgedBytes: sample.acknowledgedBytes,
                info: sample.info, stopCopyLength: sample.stopCopyLength,
                isDrained: sample.isDrained))
    }
}

extension SourceMember {
    /// As far as it gets before the stop.
    fileprivate var isUnderWay: Bool {
        isEntered && !needsRestart && !isUnsure && (!precopies || state == .preCopy)
    }
}
