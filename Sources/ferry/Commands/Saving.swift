import Digests
import HTTPClient
import JSON
import MigrationModel
import SystemCalls
import SystemPackage

/// A device on its way into a file.
struct Saving {
    private let agent: Agent
    private let id: String
    private let file: ImageFile
    private let stream: HTTPClient
    private let interrupts: Interrupts
    private let display: ProgressDisplay
    private let end = Locked<Result<HTTPResponse, HTTPClientError>?>(nil)
    private let startedAt = ContinuousClock.now
    private var stoppedAt: ContinuousClock.Instant?

    init(
        _ agent: Agent, _ stream: HTTPClient, _ id: String, into file: ImageFile,
        _ interrupts: Interrupts, _ display: ProgressDisplay
    ) {
        self.agent = agent
        self.stream = stream
        self.id = id
        self.file = file
        self.interrupts = interrupts
        self.display = display
    }

    /// What came of it.
    struct Saved {
        let image: ImageDescription
        /// For how long it stood still, if it ran before and after.
        let standstill: String?
        /// Why the device is not where it should be: that does not harm the image.
        let failure: Failure?
    }

    /// Saves the device; takes it back where that fails.
    mutating func run(then: Afterwards?) throws(Failure) -> Saved {
        defer { display.erase() }
        var start = MigrationState.running
        var hasBegun = false
        do throws(Failure) {
            let host = try agent.get("/v1")
            let device = try agent.device(id)
            start = try startState(of: device)
            try begin(device, from: start, &hasBegun)
            try finishCopy(in: .stopCopy)
            let usual: Afterwards = start == .stop ? .stop : .running
            let after = then ?? usual
            let way = Way(after, from: start)
            let image = ImageDescription(
                of: device.value, bytes: file.bytes, sha256: file.sha256, by: host.value,
                at: "\(agent.endpoint)", leaving: after)
            // Where it only goes back it need not wait for the disk; what cannot be had again does.
            let goesBack = after == usual
            var failure = goesBack ? leave(way) : nil
            let standstill = stoppedAt.map { time($0.duration(to: .now).microseconds) }
            display.show(["\(id) writing to the disk"], topic: "disk")
            try file.keep(describedBy: image.json.encoded())
            if !goesBack { failure = leave(way) }
            let isKnown = goesBack && failure == nil && start != .stop
            return Saved(
                image: image, standstill: isKnown ? standstill : nil, failure: failure)
        } catch {
            display.erase()
            file.discard()
            throw hasBegun ? takenBack(error, to: start) : error
        }
    }

    // MARK: The way in

    private func startState(of device: Answer) throws(Failure) -> MigrationState {
        let name = device["state"]?.text ?? ""
        guard let state = MigrationState(name: name),
            [.running, .runningP2P, .stop].contains(state)
        else {
            throw Failure(
                explanation: "\(id) is in \(name), and is saved from RUNNING, RUNNING_P2P or STOP")
        }
        return state
    }

    private mutating func begin(
        _ device: Answer, from start: MigrationState, _ hasBegun: inout Bool
    ) throws(Failure) {
        let canPreCopy = (device["features"]?.values ?? []).contains("PRE_COPY")
        let first: MigrationState =
            start == .stop || !canPreCopy
            ? .stopCopy : start == .running ? .preCopy : .preCopyP2P
        try interrupts.check()
        if first == .stopCopy { stoppedAt = .now }
        do throws(Failure) {
            _ = try agent.move(id, to: first, ifMatch: device.entityTag)
            hasBegun = true
        } catch {
            // A refusal found the device as it is; anything else may have moved it.
            hasBegun = !error.isRefusal
            throw error
        }
        try startStream()
        guard first != .stopCopy else { return }
        try copyWhileItRuns(first)
        try interrupts.check()
        stoppedAt = .now
        display.show(["\(id) is stopped"], topic: "STOP_COPY")
        _ = try agent.move(id, to: .stopCopy)
    }

    private func startStream() throws(Failure) {
        let request = HTTPRequest("GET", Agent.path(of: id) + "/data")
        try doing("starting a thread") { [stream, file, end] () throws(Errno) in
            try Thread(name: "download") {
                let result = Result { () throws(HTTPClientError) in
                    try stream.download(request, to: file)
                }
                end.change { $0 = result }
            }.detach()
        }
    }

    /// Goes on while the initial data is not through, and while what is left becomes less.
    private func copyWhileItRuns(_ state: MigrationState) throws(Failure) {
        var least = UInt64.max
        var lastGain = ContinuousClock.now
        while end.wait(until: .now + .milliseconds(100), for: { $0 }) == nil {
            try interrupts.check()
            let info: Answer
            do throws(Failure) {
                info = try agent.get(Agent.path(of: id) + "/precopy-info?max_age_ms=100")
            } catch {
                // A driver that does not tell is stopped at once.
                if error.problem?.status == 501 { return }
                throw error
            }
            let initial = info["initial_bytes"]?.unsigned ?? 0
            let left = initial &+ (info["dirty_bytes"]?.unsigned ?? 0)
            show(state, left)
            if left < least / 2 {
                least = left
                lastGain = .now
            }
            let isInitialDone = initial == 0 && info["reinit"] != .bool(true)
            if isInitialDone && (left == 0 || lastGain.duration(to: .now) > .seconds(2)) { return }
        }
        // The stream has ended, which it does not do by itself in this state.
        try finishCopy(in: state)
    }

    private func show(_ state: MigrationState, _ left: UInt64?) {
        let sent = file.bytes
        let elapsed = max(startedAt.duration(to: .now) / .seconds(1), 0.001)
        var parts = ["\(id) \(state.name)"]
        if let left {
            parts.append("[\(padded(bar(sent, of: sent &+ left, width: 20), to: 20))]")
        }
        parts += ["\(size(sent))", "\(size(UInt64(Double(sent) / elapsed)))/s"]
        if let left { parts.append("\(size(left)) left") }
        display.show([parts.joined(separator: "  ")], topic: state.name)
    }

    // MARK: The end of the stream

    /// Waits for the end of the stream, and compares it with what the agent says.
    private func finishCopy(in state: MigrationState) throws(Failure) {
        let result = streamEnd(in: state)
        try interrupts.check()
        if let failure = file.failure { throw failure }
        let response: HTTPResponse
        switch result {
        case .success(let answered): response = answered
        case .failure(let error): throw brokenOff(error)
        }
        _ = try agent.answer(to: response)
        let session = try agent.get(Agent.path(of: id) + "/session")
        let (bytes, sha256) = (file.bytes, file.sha256)
        let isSound =
            response.trailer("Stream-State") == "complete"
            && response.trailer("Stream-End-Offset") == "\(bytes)"
            && response.trailer("Content-Digest") == sha256.field
            && session["id"]?.text == response["Session-Id"]
            && session["phase"]?.text == "complete" && session["offset"]?.unsigned == bytes
            && session["sha256"]?.text == sha256.hexadecimal
        guard isSound else {
            throw Failure(
                explanation: "what came of \(id) is not what the agent sent: \(bytes) bytes came, "
                    + "and its session has \(session["offset"]?.unsigned ?? 0) and is "
                    + (session["phase"]?.text ?? "unknown"))
        }
    }

    private func streamEnd(in state: MigrationState) -> Result<HTTPResponse, HTTPClientError> {
        while true {
            show(state, nil)
            if let end = end.wait(until: .now + .milliseconds(100), for: { $0 }) { return end }
        }
    }

    /// Why the stream was cut, by the agent's word if it has one.
    private func brokenOff(_ error: HTTPClientError) -> Failure {
        guard let session = try? agent.get(Agent.path(of: id) + "/session") else {
            return agent.unreachable(error)
        }
        let reason = session["last_error"]?["detail"]?.text ?? error.reason
        return Failure(
            explanation: "the stream of \(id) broke off after \(file.bytes) bytes: \(reason)")
    }

    // MARK: The way out

    /// How a device is left.
    private enum Way {
        case state(MigrationState)
        case reset

        init(_ after: Afterwards, from start: MigrationState) {
            switch after {
            case .running: self = .state(start == .stop ? .running : start)
            case .stop: self = .state(.stop)
            case .reset: self = .reset
            }
        }
    }

    /// Takes the device where it is to be, and answers why it is not there.
    private func leave(_ way: Way) -> Failure? {
        do throws(Failure) {
            _ = try agent.insist(for: .seconds(10)) { () throws(Failure) in
                switch way {
                case .state(let state): try agent.move(id, to: state)
                case .reset: try agent.reset(id)
                }
            }
            return nil
        } catch {
            return error
        }
    }

    private func takenBack(_ failure: Failure, to start: MigrationState) -> Failure {
        var failure = failure
        if let other = leave(.state(start)) {
            failure.advice = """
                \(id) could not be taken back to \(start.name): \(other.explanation)
                See 'ferry state \(id)'.
                """
        } else {
            failure.explanation += "; \(id) is in \(start.name) again, and nothing was saved"
        }
        return failure
    }
}
