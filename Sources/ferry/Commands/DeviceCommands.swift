import ArgumentParser
import JSON

/// `ferry devices`: what is attached.
struct Devices: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the attached devices.")

    @OptionGroup var options: AgentOptions

    func run() throws {
        let client = try options.client()
        var items: [JSONValue] = []
        var path = "/v1/devices?limit=500"
        while true {
            let page = try client.send("GET", path)
            items += page["items"]?.values ?? []
            guard let token = page["next_page_token"]?.text else { break }
            path = "/v1/devices?limit=500&page_token=\(token)"
        }
        if options.json { return printJSON(["items": .array(items)]) }
        let rows = items.map { device in
            [
                device["id"]?.text ?? "", device["identity"]?["driver"]?.text ?? "",
                device["state"]?.text ?? "", device["session"]?["phase"]?.text ?? "-",
                device["claimed_by"]?.text.map { "claimed by \($0)" }
                    ?? device["handed_over"]?["destination"]?.text.map { "handed over to \($0)" }
                    ?? "",
            ]
        }
        printTable([["ID", "DRIVER", "STATE", "SESSION", ""]] + rows)
    }
}

/// `ferry state`: shows a device's state, or changes it.
struct State: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a device's state, or take it to another one.",
        discussion: "States are spelled as in linux/vfio.h: RUNNING, PRE_COPY, STOP_COPY, ...")

    @OptionGroup var options: AgentOptions
    @Argument(help: "The device.") var device: String
    @Argument(help: "The state that it is to go to.") var state: String?

    func run() throws {
        let client = try options.client()
        let path = "/v1/devices/\(device)/state"
        guard let state else {
            let answer = try client.send("GET", path)
            if options.json { return printJSON(answer) }
            let reachable = (answer["reachable_states"]?.values ?? []).compactMap(\.text)
            print(printable("\(answer["state"]?.text ?? "") since \(answer["since"]?.text ?? "")"))
            print(printable("reachable: \(reachable.joined(separator: ", "))"))
            return
        }
        let answer = try client.send("PUT", path, ["state": .string(state)])
        if options.json { return printJSON(answer) }
        for arc in answer["arcs"]?.values ?? [] {
            let ends = "\(arc["from"]?.text ?? "") -> \(arc["to"]?.text ?? "")"
            print(printable("\(ends) in \(arc["duration_us"]?.unsigned ?? 0) us"))
        }
        print(printable("\(device) is in \(answer["state"]?.text ?? "")"))
    }
}

/// `ferry precopy-info`: how much a device has left.
struct PrecopyInfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "precopy-info",
        abstract: "Tell how much of a device's state is left to copy while it runs.")

    @OptionGroup var options: AgentOptions
    @Argument(help: "The device.") var device: String

    func run() throws {
        let info = try options.client().send("GET", "/v1/devices/\(device)/precopy-info")
        if options.json { return printJSON(info) }
        printTable([
            ["initial bytes", "\(info["initial_bytes"]?.unsigned ?? 0)"],
            ["dirty bytes", "\(info["dirty_bytes"]?.unsigned ?? 0)"],
        ])
    }
}
