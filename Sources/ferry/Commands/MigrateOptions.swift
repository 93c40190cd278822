import ArgumentParser
import JSON

/// What `ferry migrate` and `ferry plan` ask for.
struct MigrateOptions: ParsableArguments {
    @Argument(help: "The devices, each as ID or ID=ID at the destination.")
    var devices: [String]

    @Option(help: ArgumentHelp("The destination's agent, as the source's agent reaches it."))
    var to: String

    @Option(help: "pre-copy or stop-copy.") var mode: String?
    @Option(help: "How long the devices may stand still, in milliseconds.") var downtimeLimit:
        Int64?
    @Option(help: "The longest stop before they run again here, in milliseconds.")
    var maxDowntime: Int64?
    @Option(help: "How long it may take, in milliseconds.") var timeout: Int64?
    @Option(help: "What happens then: cancel, switchover or hold.") var onTimeout: String?
    @Option(help: "How fast all its streams may go, in bytes per second.") var bandwidth: Int64?
    @Option(help: "RUNNING or STOP.") var finalState: String?
    @Option(help: "What becomes of the source's devices: reset, stop or detach.")
    var sourceAfter: String?
    @Flag(help: "Stop the devices on 'POST switchover' only.") var manual = false
    @Flag(help: "Also move devices that nobody but the agent keeps alive.")
    var allowSoleHolder = false
    @Flag(help: "Also move a group whose devices cannot all be quiesced.")
    var allowMissingP2P = false

    /// The request's body; what was not said is left to the agent.
    var body: JSONObject {
        let pairs = devices.map { text -> JSONValue in
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            return [
                "source": .string(parts[0]),
                "destination": parts.count > 1 ? .string(parts[1]) : nil,
            ]
        }
        return [
            "devices": .array(pairs), "destination": ["url": .string(to)],
            "mode": mode.map(JSONValue.string), "switchover": manual ? "manual" : nil,
            "downtime_limit_ms": downtimeLimit.map(JSONValue.integer),
            "max_downtime_ms": maxDowntime.map(JSONValue.integer),
            "max_duration_ms": timeout.map(JSONValue.integer),
            "on_timeout": onTimeout.map(JSONValue.string),
            "max_bytes_per_second": bandwidth.map(JSONValue.integer),
            "final_state": finalState.map(JSONValue.string),
            "source_after": sourceAfter.map(JSONValue.string),
            "allow_sole_holder": allowSoleHolder ? true : nil,
            "allow_missing_p2p": allowMissingP2P ? true : nil,
        ]
    }
}
