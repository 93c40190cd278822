public import MigrationModel
public import SystemCalls
internal import SystemPackage

/// What `VFIO_MIG_GET_PRECOPY_INFO` said, and when.
public struct PrecopySample: Hashable, Sendable {
    /// The estimates.
    public let info: PrecopyInfo
    /// When the driver gave them.
    public let sampledAt: Timestamp
    /// The driver would not give newer ones.
    public internal(set) var isStale: Bool
    let moment: ContinuousClock.Instant
}

/// The one sampler of a session.
struct PrecopySampling: Sendable {
    var last: PrecopySample?
    var isAsking = false
}

extension DeviceController {
    /// How much of the device's state is estimated to be left, not older than asked.
    ///
    /// One thread at a time asks the driver, which may take its lock and talk to firmware; the others
    /// share its answer. Blocks as long as the driver does.
    ///
    /// Maps to `GET /v1/devices/{id}/precopy-info`.
    public func precopySample(maxAge: Duration) throws(DeviceProblem) -> PrecopySample {
        while true {
            switch try change({ machine throws(DeviceProblem) in
                try machine.beginSampling(maxAge: maxAge)
            }) {
            case .fresh(let sample): return sample
            case .shared:
                _ = machine.wait(until: .now + .seconds(1)) { $0.sampling.isAsking ? nil : true }
            case .ask(let file, let session):
                return try ask(file, of: session)
            }
        }
    }

    /// What STOP_COPY would deliver now, by the driver's estimate; nil where it gives none.
    ///
    /// Blocks as long as the driver does. Source: `VFIO_DEVICE_FEATURE_MIG_DATA_SIZE`.
    public func estimateStopCopyLength() -> UInt64? {
        let length = try? device.stopCopyLength()
        return change { machine in
            machine.stopCopyLength = length ?? machine.stopCopyLength
            return machine.stopCopyLength
        }
    }

    private func ask(
        _ file: any MigrationDataFile, of session: String
    ) throws(DeviceProblem) -> PrecopySample {
        let answer = Result { () throws(DeviceError) in try file.precopyInfo() }
        _ = estimateStopCopyLength()
        return try change { machine throws(DeviceProblem) in
            try machine.sampled(answer, of: session)
        }
    }
}

private enum SamplingStep {
    case fresh(PrecopySample)
    case shared
    case ask(any MigrationDataFile, of: String)
}

extension DeviceMachine {
    fileprivate mutating func beginSampling(
        maxAge: Duration
    ) throws(DeviceProblem) -> SamplingStep {
        if isDetached { throw .detached }
        guard state.isPreCopy else { throw .stateMismatch(state, session: session) }
        guard let session = openSession, let file = transfer?.file, !isLatched else {
            throw .sessionLost(state, session: session, recovery: recovery)
        }
        if let last = sampling.last, .now - last.moment <= maxAge { return .fresh(last) }
        if sampling.isAsking { return .shared }
        sampling.isAsking = true
        return .ask(file, of: session.id)
    }

    fileprivate mutating func sampled(
        _ answer: Result<PrecopyInfo, DeviceError>, of session: String
    ) throws(DeviceProblem) -> PrecopySample {
        let isCurrent = openSession(session) != nil
        if isCurrent { sampling.isAsking = false }
        switch answer {
        case .success(let info):
            let sample = PrecopySample(
                info: info, sampledAt: .now, isStale: false, moment: .now)
            if isCurrent { sampling.last = sample }
            return sample
        case .failure(let error):
            guard isCurrent, state.isPreCopy else {
                throw .stateMismatch(state, session: self.session)
            }
            switch error.errno {
            case .inappropriateIOCTLForDevice: throw .notSupported(error.call)
            case .invalidArgument where state == .preCopyP2P:
                // Allowed by the first version of the protocol: the last value is kept.
                guard var last = sampling.last else { throw .notSupported(error.call) }
                last.isStale = true
                return last
            default:
                failed(error)
                throw .deviceFailed(error, state: state)
            }
        }
    }
}
