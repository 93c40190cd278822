import ArgumentParser
import JSON

extension CompletionKind {
    /// The devices of the agent that the command line or the environment names.
    static var device: CompletionKind { .ofAgent("/v1/devices") }

    /// Its migrations.
    static var migration: CompletionKind { .ofAgent("/v1/migrations") }

    private static func ofAgent(_ list: String) -> CompletionKind {
        .custom { words, _, _ in
            var options = AgentOptions()
            let given = words.firstIndex(of: "--agent").map { words[($0 + 1)...].first } ?? nil
            options.agent = given
            options.json = false
            let items = try? options.connect().items(of: list)
            return (items ?? []).compactMap { $0["id"]?.text.map(printable) }
        }
    }
}
