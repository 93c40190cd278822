public import ArgumentParser
import JSON
public import Logging
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

extension RawRepresentable<String> {
    /// The word as the API has it.
    var json: JSONValue { .string(rawValue) }
}
