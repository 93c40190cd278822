public import Devices
public import JSON

/// What the API's texts look like, for what is written down and told to the other agent.
public protocol MigrationCodec: Sendable {
    /// Reads a request again that was accepted once.
    func plan(from request: JSONValue) throws(MigrationProblem) -> MigrationPlan

    /// A device's refusal, as a problem.
    func explain(_ problem: DeviceProblem, _ action: String) -> JSONValue

    /// What a device is.
    func describe(_ identity: DeviceIdentity) -> JSONValue
}
