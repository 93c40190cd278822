internal import Devices
internal import HTTPServer
internal import MigrationModel
internal import SystemCalls

/// What a client waits for.
private enum Until: String, CaseIterable {
    case initialDone = "initial-done"
    case dirty

    func holds(for info: PrecopyInfo) -> Bool {
        switch self {
        // REINIT takes it back: the initial data has started anew.
        case .initialDone: info.initialBytes == 0 && info.reinit != true
        case .dirty: info.dirtyBytes > 0
        }
    }
}

extension AgentAPI {
    /// `GET /v1/devices/{id}/precopy-info`: at once, or once something holds.
    func getPrecopyInfo(_ request: Request) throws(Problem) -> Response {
        let device = try device(request)
        let maxAge = try request.count("max_age_ms", in: 100...Request.longestWait) ?? 1000
        let until: Until? = try request.word("until")
        let deadline = try request.waitDeadline()
        var sample = try request.explaining { () throws(DeviceProblem) in
            try device.precopySample(maxAge: .milliseconds(Int64(maxAge)))
        }
        guard let until, let deadline, !until.holds(for: sample.info) else {
            return .json(200, sample.json)
        }
        try waits.take(for: "waits")
        defer { waits.giveBack() }
        let pause = Duration.milliseconds(100)
        while !until.holds(for: sample.info), .now < deadline, !request.head.watch.isGone,
            !isShuttingDown
        {
            Thread.sleep(for: min(pause, deadline - .now))
            sample = try request.explaining { () throws(DeviceProblem) in
                try device.precopySample(maxAge: pause)
            }
        }
        return .json(200, sample.json)
    }
}
