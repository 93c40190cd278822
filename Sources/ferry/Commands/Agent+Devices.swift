import JSON
import MigrationModel

extension Agent {
    static func path(of device: String) -> String {
        "/v1/devices/\(percentEncoded(device))"
    }

    func device(_ id: String) throws(Failure) -> Answer {
        try get(Self.path(of: id))
    }

    /// Takes a device to a state, and answers the report. Waits in pieces: a driver may take minutes.
    ///
    /// - Parameter condition: `If-Match`.
    /// - Parameter progress: hears now and then what goes on.
    func move(
        _ device: String, to state: MigrationState, image: JSONValue? = nil,
        ifMatch condition: String? = nil,
        progress: (String) -> Void = { _ in }
    ) throws(Failure) -> Answer {
        let path = Self.path(of: device) + "/state"
        let condition = condition.map { [("If-Match", $0)] } ?? []
        var answer = try send(
            "PUT", path + "?wait_ms=500", ["state": .string(state.name), "image": image], condition)
        guard answer.status == 202 else { return answer }
        while let transition = answer["transition"], transition != .null {
            progress("\(device) \(Self.arc(transition["arc"] ?? transition))")
            let generation = answer["generation"]?.unsigned ?? 0
            answer = try get("\(path)?wait_ms=500&after_generation=\(generation)")
        }
        let end = answer["last_transition"] ?? .null
        let report = Answer(
            status: Int(end["status"]?.unsigned ?? 200), value: end, bytes: end.encoded(),
            entityTag: answer.entityTag)
        guard let detail = end["detail"]?.text, let code = end["code"]?.text else { return report }
        throw Failure(explanation: "\(detail) (\(code))", problem: report)
    }

    /// Resets a device, whatever is lost by it.
    func reset(_ device: String) throws(Failure) -> Answer {
        try send("POST", Self.path(of: device) + "/reset", nil, [("If-Match", "*")])
    }

    /// `PRE_COPY -> PRE_COPY_P2P`.
    static func arc(_ arc: JSONValue) -> String {
        "\(arc["from"]?.text ?? "") -> \(arc["to"]?.text ?? "")"
    }
}
