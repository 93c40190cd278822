internal import JSON
internal import MigrationModel

extension JSONValue {
    /// The names of states, in the uAPI's spelling.
    static func names(_ states: [MigrationState]) -> JSONValue {
        .array(states.map { .string($0.name) })
    }
}
