public import ArgumentParser
import JSON
public import Logging
public import MigrationModel
public import Orchestration

// Words on the command line, all but one the API's: what there is to choose from, what is completed and what
// is refused come from one place.

extension MigrationPlan.Mode: ExpressibleByArgument {}
extension MigrationPlan.Switchover: ExpressibleByArgument {}
extension MigrationPlan.OnDowntimeExceeded: ExpressibleByArgument {}
extension MigrationPlan.OnTimeout: ExpressibleByArgument {}
extension MigrationPlan.FinalState: ExpressibleByArgument {}
extension MigrationPlan.SourceAfter: ExpressibleByArgument {}
extension MigrationPlan.Barrier: ExpressibleByArgument {}
extension MigrationRequest.Resolution: ExpressibleByArgument {}
extension Logger.Level: @retroactive ExpressibleByArgument {}

/// A state that a device can be taken to.
extension MigrationState: ExpressibleByArgument {
    private static var choices: [Self] { known.filter { $0 != .error } }

    /// The state with this name.
    public init?(argument: String) {
        guard let state = Self.choices.first(where: { $0.name == argument }) else { return nil }
        self = state
    }

    /// All but ERROR, which a device comes to by itself.
    public static var allValueStrings: [String] { choices.map(\.name) }

    /// The same.
    public static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }
}

extension RawRepresentable<String> {
    /// The word as the API has it.
    var json: JSONValue { .string(rawValue) }
}
