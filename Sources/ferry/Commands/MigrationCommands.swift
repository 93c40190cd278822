import ArgumentParser
import JSON
import Orchestration

/// `ferry plan`: what a migration would be.
struct Plan: AgentCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what a migration would be, without beginning it.")

    @OptionGroup var options: AgentOptions
    @OptionGroup var wanted: MigrateOptions

    func run(_ agent: Agent) throws {
        let plan = try agent.send("POST", "/v1/migrations?dry_run=true", wanted.body())
        if options.json { return printJSON(plan) }
        for device in plan["devices"]?.values ?? [] {
            let length = device["progress"]?["stop_copy_length"]?.unsigned.map { "  \(size($0))" }
            let pair = "\(device["source"]?.text ?? "") -> \(device["destination"]?.text ?? "?")"
            say(pair + (length ?? ""))
        }
        let estimate = plan["estimate"]
        var rows: [[String]] = []
        if let rate = estimate?["bytes_per_second"]?.unsigned {
            rows.append(["rate", "\(size(rate))/s"])
        }
        for (title, name) in [("copying", "remaining_ms"), ("downtime", "downtime_ms")] {
            guard let milliseconds = estimate?[name]?.unsigned else { continue }
            rows.append([title, "about \(time(milliseconds * 1000))"])
        }
        printTable(rows)
        if let verdict = plan["verdict"]?.text { say(verdict) }
    }
}

/// `ferry migrations`: those that the agent knows of.
struct MigrationList: AgentCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrations", abstract: "List the migrations of an agent, or show one.")

    @OptionGroup var options: AgentOptions
    @Argument(help: "The migration.", completion: .migration) var id: String?

    func run(_ agent: Agent) throws {
        if let id {
            let migration = try agent.get("/v1/migrations/\(percentEncoded(id))")
            if options.json { return printJSON(migration) }
            return MigrationReport(migration: migration.value).printSummary()
        }
        let items = try agent.items(of: "/v1/migrations")
        if options.json { return printJSON(JSONValue.object(["items": .array(items)]).encoded()) }
        let rows = items.map { migration in
            [
                migration["id"]?.text ?? "", migration["role"]?.text ?? "",
                migration["phase"]?.text ?? "",
                (migration["devices"]?.values ?? []).compactMap { $0["source"]?.text }
                    .joined(separator: ","),
                migration["downtime"]?["total_us"]?.unsigned.map(time) ?? "-",
                migration["failure"]?["detail"]?.text ?? migration["verdict"]?.text ?? "",
            ]
        }
        printTable([["ID", "ROLE", "PHASE", "DEVICES", "DOWNTIME", ""]] + rows)
    }
}

/// A command that steers a migration by one request.
protocol SteeringCommand: AgentCommand {
    var id: String { get }
    /// What stands behind the migration's own path.
    var call: String { get }
    var body: JSONValue? { get }
}

extension SteeringCommand {
    var body: JSONValue? { nil }

    func run(_ agent: Agent) throws {
        let path = "/v1/migrations/\(percentEncoded(id))/\(call)"
        let migration = try agent.send("POST", path, body)
        if options.json { return printJSON(migration) }
        say("\(id) is \(migration["phase"]?.text ?? "")")
    }
}

/// `ferry cancel`: gives a migration up.
struct Cancel: SteeringCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give a migration up, before it is committed: the source runs on.")

    @OptionGroup var options: AgentOptions
    @Argument(help: "The migration.", completion: .migration) var id: String
    var call: String { "cancel" }
}

/// `ferry switchover`: stops the devices now.
struct Switchover: SteeringCommand {
    static let configuration = CommandConfiguration(
        abstract: "Switch a migration over now, without waiting until little is left.")

    @OptionGroup var options: AgentOptions
    @Argument(help: "The migration.", completion: .migration) var id: String
    var call: String { "switchover" }
}

/// `ferry release`: lets a migration go on.
struct Release: SteeringCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let a migration pass a barrier that it was asked to wait at.")

    @OptionGroup var options: AgentOptions
    @Argument(help: "The migration.", completion: .migration) var id: String
    @Argument(help: "Where it waits.") var barrier: MigrationPlan.Barrier
    var call: String { "barriers/\(barrier.rawValue)" }
}

/// `ferry resolve`: an operator's word.
struct Resolve: SteeringCommand {
    static let configuration = CommandConfiguration(
        abstract: "Decide a migration whose other agent does not come back.",
        discussion: """
            take_over: the devices of this agent run the image. give_up: this agent's copy is given \
            up. Either is safe only if the other side is fenced - switched off, or cut off from its \
            devices - so that the image never runs twice; say so by --fenced.
            """)

    @OptionGroup var options: AgentOptions
    @Argument(help: "The migration.", completion: .migration) var id: String
    @Argument(help: "What becomes of this agent's side.")
    var action: MigrationRequest.Resolution
    @Flag(help: "The other side is fenced.") var fenced = false
    @Option(help: "Why, for the log.") var reason: String

    var call: String { "resolve" }
    var body: JSONValue? {
        ["action": action.json, "fenced": .bool(fenced), "reason": .string(reason)]
    }

    func validate() throws {
        guard fenced else {
            throw ValidationError(
                "Fence the other side first, then say --fenced: the image must never run twice.")
        }
    }
}
