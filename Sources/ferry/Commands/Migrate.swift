import ArgumentParser
import JSON

/// `ferry migrate`: moves running devices, and shows how it goes.
struct Migrate: AgentCommand {
    static let configuration = CommandConfiguration(
        abstract: "Move running devices to another agent.",
        discussion: """
            The source's agent does it, and goes on if this command is gone: see 'ferry migrations'. \
            Ctrl-C cancels the migration as long as it can be taken back, and waits until the devices \
            run here again; a second one leaves it to the agent.
            """)

    @OptionGroup var options: AgentOptions
    @OptionGroup var wanted: MigrateOptions

    @Flag(help: "Begin it, print its id and do not wait for its end.")
    var noWait = false

    /// For how long an agent may be away, as it is when it starts anew.
    private static let patience = Duration.seconds(60)

    func run(_ agent: Agent) throws {
        let interrupts = try Interrupts(second: "left to the agent: see 'ferry migrations'")
        let body = try wanted.body()
        // By the key the agent knows it again, should the first answer have been lost.
        let key = [("Idempotency-Key", "ferry-\(UInt64.random(in: .min ... .max))")]
        var migration = try begin(agent, body, key)
        if noWait {
            return options.json ? printJSON(migration) : say(migration["id"]?.text ?? "")
        }
        let display = ProgressDisplay(isOn: !options.json)
        defer { display.erase() }
        var trend = Sparkline()
        var isCancelled = false
        while !MigrationReport(migration: migration.value).isOver {
            let report = MigrationReport(migration: migration.value)
            trend.append(report.dirtyBytes)
            display.show(report.progress(trend), topic: report.phase)
            if interrupts.hasCome && !isCancelled {
                isCancelled = true
                display.erase()
                cancel(report.id, agent)
            }
            migration = try next(report, migration["generation"]?.unsigned ?? 0, agent)
        }
        display.erase()
        let report = MigrationReport(migration: migration.value)
        if options.json { printJSON(migration) } else { report.printSummary() }
        try report.throwUnlessCompleted()
    }

    private func begin(
        _ agent: Agent, _ body: JSONValue, _ key: [(name: String, value: String)]
    ) throws(Failure) -> Answer {
        do throws(Failure) {
            return try agent.send("POST", "/v1/migrations", body, key)
        } catch {
            guard error.mayHaveArrived else { throw error }
            return try agent.insist(for: .seconds(10)) { () throws(Failure) in
                try agent.send("POST", "/v1/migrations", body, key)
            }
        }
    }

    /// What has become of it, at the latest after a quarter of a second.
    private func next(
        _ report: MigrationReport, _ generation: UInt64, _ agent: Agent
    ) throws(Failure) -> Answer {
        let path = "/v1/migrations/\(percentEncoded(report.id))"
        do throws(Failure) {
            return try agent.insist(for: Self.patience) { () throws(Failure) in
                try agent.get("\(path)?wait_ms=250&after_generation=\(generation)")
            }
        } catch {
            var failure = error
            failure.advice =
                "\(report.id) was \(report.phase) when the agent last told of it: see 'ferry migrations'."
            throw failure
        }
    }

    private func cancel(_ id: String, _ agent: Agent) {
        do throws(Failure) {
            _ = try agent.send("POST", "/v1/migrations/\(percentEncoded(id))/cancel")
            complain("interrupted: \(id) is cancelled, its devices are taken back ...")
        } catch {
            complain(error.explanation)
            complain("It cannot be taken back any more: waiting for its end.")
        }
    }
}

extension MigrationReport {
    /// A migration's end as an exit code.
    fileprivate func throwUnlessCompleted() throws(Failure) {
        switch phase {
        case "completed": return
        case "in-doubt", "holding":
            throw Failure(
                explanation: "\(id) is \(phase): \(migration["verdict"]?.text ?? "")",
                exit: Exit.inDoubt, advice: "See 'ferry help resolve'.")
        default:
            throw Failure(
                explanation: "\(id) was not completed: its devices stay here", exit: Exit.givenUp)
        }
    }
}
