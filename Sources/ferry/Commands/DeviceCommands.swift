import ArgumentParser
import JSON
import MigrationModel

/// `ferry devices`: what is attached.
struct DeviceList: AgentCommand {
    static let configuration = CommandConfiguration(
        commandName: "devices", abstract: "List the attached devices.")

    @OptionGroup var options: AgentOptions

    func run(_ agent: Agent) throws {
        let items = try agent.items(of: "/v1/devices")
        if options.json { return printJSON(JSONValue.object(["items": .array(items)]).encoded()) }
        let rows = items.map { device in
            [
                device["id"]?.text ?? "", device["identity"]?["driver"]?.text ?? "",
                device["state"]?.text ?? "", device["session"]?["phase"]?.text ?? "-",
                device["claimed_by"]?.text.map { "claimed by \($0)" }
                    ?? device["handed_over"]?["destination"]?.text.map { "handed over to \($0)" }
                    ?? "-",
            ]
        }
        printTable([["ID", "DRIVER", "STATE", "SESSION", "CLAIM"]] + rows)
    }
}

/// `ferry state`: shows a device's state, or changes it.
struct State: AgentCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a device's state, or take it to another one.")

    @OptionGroup var options: AgentOptions
    @Argument(help: "The device.", completion: .device) var device: String
    @Argument(help: "The state that it is to go to.") var state: MigrationState?

    func run(_ agent: Agent) throws {
        guard let state else { return show(try agent.get(Agent.path(of: device) + "/state")) }
        let display = ProgressDisplay(isOn: !options.json)
        defer { display.erase() }
        let report = try agent.move(device, to: state) { display.show([$0], topic: $0) }
        display.erase()
        if options.json { return printJSON(report) }
        for arc in report["arcs"]?.values ?? [] {
            say("\(Agent.arc(arc)) in \(time(arc["duration_us"]?.unsigned ?? 0))")
        }
        say("\(device) is in \(report["state"]?.text ?? "")")
    }

    private func show(_ answer: Answer) {
        if options.json { return printJSON(answer) }
        say("\(answer["state"]?.text ?? "") since \(answer["since"]?.text ?? "")")
        if let transition = answer["transition"] {
            say("on its way: \(Agent.arc(transition))")
        }
        let reachable = (answer["reachable_states"]?.values ?? []).compactMap(\.text)
        say("reachable: \(reachable.joined(separator: ", "))")
    }
}

/// `ferry precopy-info`: how much a device has left.
struct PrecopyInfoCommand: AgentCommand {
    static let configuration = CommandConfiguration(
        commandName: "precopy-info",
        abstract: "Tell how much of a device's state is left to copy while it runs.")

    @OptionGroup var options: AgentOptions
    @Argument(help: "The device.", completion: .device) var device: String

    func run(_ agent: Agent) throws {
        let info = try agent.get(Agent.path(of: device) + "/precopy-info")
        if options.json { return printJSON(info) }
        let initial = info["initial_bytes"]?.unsigned ?? 0
        let dirty = info["dirty_bytes"]?.unsigned ?? 0
        printTable([
            ["initial bytes", "\(initial)", size(initial)],
            ["dirty bytes", "\(dirty)", size(dirty)],
        ])
    }
}
