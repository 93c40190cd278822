import ArgumentParser
import JSON

/// `ferry plan`: what a migration would be.
struct Plan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what a migration would be, without beginning it.")

    @OptionGroup var options: AgentOptions
    @OptionGroup var wanted: MigrateOptions

    func run() throws {
        let plan = try options.client()
            .send("POST", "/v1/migrations?dry_run=true", .object(wanted.body))
        if options.json { return printJSON(plan) }
        for device in plan["devices"]?.values ?? [] {
            let source = device["source"]?.text ?? ""
            print(printable("\(source) -> \(device["destination"]?.text ?? "?")"))
        }
        print(printable(plan["verdict"]?.text ?? ""))
    }
}

/// `ferry migrations`: those that the agent knows of.
struct MigrationList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrations", abstract: "List the migrations of an agent, or show one.")

    @OptionGroup var options: AgentOptions
    @Argument(help: "The migration.") var id: String?

    func run() throws {
        let client = try options.client()
        if let id { return printJSON(try client.send("GET", "/v1/migrations/\(id)")) }
        let page = try client.send("GET", "/v1/migrations?limit=500")
        if options.json { return printJSON(page) }
        let rows = (page["items"]?.values ?? []).map { migration in
            [
                migration["id"]?.text ?? "", migration["role"]?.text ?? "",
                migration["phase"]?.text ?? "",
                (migration["devices"]?.values ?? []).compactMap { $0["source"]?.text }
                    .joined(separator: ","),
                migration["failure"]?["detail"]?.text ?? migration["verdict"]?.text ?? "",
            ]
        }
        printTable([["ID", "ROLE", "PHASE", "DEVICES", ""]] + rows)
    }
}

/// `ferry cancel`: gives a migration up.
struct Cancel: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give a migration up, before it is committed: the source runs on.")

    @OptionGroup var options: AgentOptions
    @Argument(help: "The migration.") var id: String

    func run() throws {
        let migration = try options.client().send("POST", "/v1/migrations/\(id)/cancel")
        if options.json { return printJSON(migration) }
        print(printable("\(id) is \(migration["phase"]?.text ?? "")"))
    }
}
