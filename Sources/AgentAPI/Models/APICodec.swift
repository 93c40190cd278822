internal import Devices
internal import JSON
internal import Orchestration

/// The API's texts, for what migrations write down and tell each other.
struct APICodec: MigrationCodec {
    func plan(from request: JSONValue) throws(MigrationProblem) -> MigrationPlan {
        guard case .object(let object) = request else { throw .mismatch(.pending) }
        do throws(Problem) {
            return try MigrationPlan(object)
        } catch {
            throw .failed(error.json())
        }
    }

    func explain(_ problem: DeviceProblem, _ action: String) -> JSONValue {
        Problem(of: problem, action).json()
    }

    func describe(_ identity: DeviceIdentity) -> JSONValue {
        identity.json
    }
}
