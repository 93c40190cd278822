import ArgumentParser
import Glibc
import JSON
import Orchestration
import SystemCalls
import SystemPackage

/// What `ferry migrate` and `ferry plan` ask for; what is not said is left to the agent.
struct MigrateOptions: ParsableArguments {
    @Argument(
        help: "The devices, each as ID or as ID=ID with its name at the destination.",
        completion: .device)
    var devices: [String]

    @Option(
        help: ArgumentHelp(
            "The destination's agent, as the source's agent reaches it.", valueName: "url"))
    var to: String

    @Option(
        help: ArgumentHelp(
            "A device's name at the destination; may be repeated.", valueName: "id=id"))
    var destinationDevice: [String] = []

    @Option(help: ArgumentHelp("Where the images go, if not to --to.", valueName: "url"))
    var dataURL: String?

    @Option(
        help: ArgumentHelp(
            "A file with the bearer token that the destination wants.", valueName: "path"),
        completion: .file())
    var tokenFile: String?

    @Option(help: ArgumentHelp("The migration's id; made up by default.", valueName: "id"))
    var id: String?

    @Option(help: "Whether the devices run while they are copied.")
    var mode: MigrationPlan.Mode?

    @Option(help: "Who says when the devices stop; manual: 'ferry switchover' alone.")
    var switchover: MigrationPlan.Switchover?

    @Option(
        help: ArgumentHelp(
            "How long the devices should stand still at most: 300ms.", valueName: "time"))
    var downtimeLimit: TimeArgument?

    @Option(
        help: ArgumentHelp(
            "How long they may stand still; then --on-downtime-exceeded decides.", valueName: "time"
        ))
    var maxDowntime: TimeArgument?

    @Option(help: "What happens then.")
    var onDowntimeExceeded: MigrationPlan.OnDowntimeExceeded?

    @Option(help: ArgumentHelp("How long all of it may take: 10m.", valueName: "time"))
    var timeout: TimeArgument?

    @Option(help: "What happens then.")
    var onTimeout: MigrationPlan.OnTimeout?

    @Option(
        help: ArgumentHelp("How much its streams may send per second: 100M.", valueName: "size"))
    var bandwidth: SizeArgument?

    @Option(help: "The devices' state at the destination.")
    var finalState: MigrationPlan.FinalState?

    @Option(help: "What becomes of the source's devices.")
    var sourceAfter: MigrationPlan.SourceAfter?

    @Option(help: "Where to wait for 'ferry release'; may be repeated.")
    var barrier: [MigrationPlan.Barrier] = []

    @Option(help: ArgumentHelp("How long to wait there.", valueName: "time"))
    var barrierTimeout: TimeArgument?

    @Flag(help: "Also move devices that nobody but the agent keeps alive.")
    var allowSoleHolder = false

    @Flag(
        name: .customLong("allow-missing-p2p"),
        help: "Also move a group whose devices cannot all be quiesced.")
    var allowMissingP2P = false

    private static let longestToken = 4096

    func validate() throws {
        let named = devices.map { Self.pair($0).source }
        for text in destinationDevice {
            let (source, destination) = Self.pair(text)
            guard destination != nil, named.contains(source) else {
                throw ValidationError(
                    "--destination-device '\(text)' is not ID=ID with one of the devices.")
            }
        }
    }

    /// The request's body.
    func body() throws(Failure) -> JSONValue {
        .object([
            "id": id.map(JSONValue.string), "devices": .array(pairs),
            "destination": [
                "url": .string(to), "data_url": dataURL.map(JSONValue.string),
                "credentials": try token().map { ["bearer_token": .string($0)] },
            ],
            "mode": mode?.json, "switchover": switchover?.json,
            "downtime_limit_ms": downtimeLimit?.json, "max_downtime_ms": maxDowntime?.json,
            "on_downtime_exceeded": onDowntimeExceeded?.json,
            "max_duration_ms": timeout?.json, "on_timeout": onTimeout?.json,
            "max_bytes_per_second": bandwidth.map { .integer($0.bytes) },
            "final_state": finalState?.json, "source_after": sourceAfter?.json,
            "barriers": barrier.isEmpty ? nil : .array(barrier.map(\.json)),
            "barrier_timeout_ms": barrierTimeout?.json,
            "allow_sole_holder": allowSoleHolder ? true : nil,
            "allow_missing_p2p": allowMissingP2P ? true : nil,
        ])
    }

    /// What the token file has, without white space at its end.
    private func token() throws(Failure) -> String? {
        guard let tokenFile else { return nil }
        let bytes = try doing("reading \(tokenFile)") { () throws(Errno) in
            try OwnedFileDescriptor(opening: FilePath(tokenFile), flags: O_RDONLY)
                .readAll(upTo: Self.longestToken + 1)
        }
        guard bytes.count <= Self.longestToken else {
            throw Failure(
                explanation: "\(tokenFile) has no token: it is longer than "
                    + "\(Self.longestToken) bytes")
        }
        var text = String(decoding: bytes, as: UTF8.self)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    private var pairs: [JSONValue] {
        let named = destinationDevice.map(Self.pair)
        return devices.map(Self.pair).map { source, destination in
            let there = destination ?? named.first { $0.source == source }?.destination
            return [
                "source": .string(source), "destination": there.map(JSONValue.string),
            ]
        }
    }

    private static func pair(_ text: String) -> (source: String, destination: String?) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(parts[0]), parts.count > 1 ? String(parts[1]) : nil)
    }
}

extension TimeArgument {
    fileprivate var json: JSONValue { .integer(milliseconds) }
}
