import ArgumentParser
import Glibc
import JSON
import SystemCalls

/// `ferry migrate`: moves running devices, and shows how it goes.
struct Migrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Move running devices to another agent.",
        discussion: """
            The source's agent does it, and goes on if this command is ended: see 'ferry migrations' \
            and 'ferry cancel'. Exits with 0 once the devices run at the destination, with 3 if they run \
            at the source again, with 4 if an operator is needed, with 1 if it was refused, with 2 if the \
            agent cannot be reached.
            """)

    @OptionGroup var options: AgentOptions
    @OptionGroup var wanted: MigrateOptions

    func run() throws {
        let client = try options.client()
        let key = "ferry-\(UInt64.random(in: .min ... .max))"
        var migration = try client.send(
            "POST", "/v1/migrations", .object(wanted.body), [("Idempotency-Key", key)])
        let id = migration["id"]?.text ?? ""
        var display = ProgressDisplay(isLive: !options.json && isatty(STDOUT_FILENO) == 1)
        while !Self.isOver(migration) {
            if !options.json { display.show(migration) }
            let generation = migration["generation"]?.unsigned ?? 0
            migration = try client.send(
                "GET", "/v1/migrations/\(id)?wait_ms=250&after_generation=\(generation)")
        }
        if options.json { printJSON(migration) } else { display.finish(migration) }
        switch migration["phase"]?.text {
        case "completed": return
        case "failed", "cancelled": throw Exit.givenUp
        default: throw Exit.inDoubt
        }
    }

    private static func isOver(_ migration: JSONValue) -> Bool {
        let ends = ["completed", "failed", "cancelled", "holding", "in-doubt"]
        return ends.contains(migration["phase"]?.text ?? "")
    }
}

/// A migration's progress: a line that is drawn anew on a terminal, lines otherwise.
struct ProgressDisplay {
    private let isLive: Bool
    private var lastPhase = ""

    init(isLive: Bool) {
        self.isLive = isLive
    }

    mutating func show(_ migration: JSONValue) {
        let phase = migration["phase"]?.text ?? ""
        if isLive {
            // Back to the start of the line, and what was there is gone.
            print("\r\u{1b}[K\(printable(line(migration)))", terminator: "")
        } else if phase != lastPhase {
            print(printable(line(migration)))
        }
        fflush(nil)
        lastPhase = phase
    }

    mutating func finish(_ migration: JSONValue) {
        if isLive { print("\r\u{1b}[K", terminator: "") }
        let id = migration["id"]?.text ?? ""
        let phase = migration["phase"]?.text ?? ""
        print(printable("\(id) \(phase)"))
        if let detail = migration["failure"]?["detail"]?.text { print(printable(detail)) }
        guard let downtime = migration["downtime"], let total = downtime["total_us"]?.unsigned
        else {
            return
        }
        print("downtime \(milliseconds(total))")
        for part in ["quiesce", "stop", "drain", "prepare", "decide", "run"] {
            guard let time = downtime["\(part)_us"]?.unsigned else { continue }
            let length = Int(time * 40 / max(total, 1))
            let name = part + String(repeating: " ", count: 8 - part.count)
            let bar = String(repeating: "#", count: length)
            print("  \(name) \(milliseconds(time)) \(bar)")
        }
    }

    private func line(_ migration: JSONValue) -> String {
        let devices = migration["devices"]?.values ?? []
        let sent = devices.reduce(0) { $0 + ($1["progress"]?["bytes"]?.unsigned ?? 0) }
        let left = migration["estimate"]?["remaining_bytes"]?.unsigned
        let rate = migration["estimate"]?["bytes_per_second"]?.unsigned
        var parts = ["\(migration["phase"]?.text ?? "")", "\(sent >> 20) MiB sent"]
        if let left, sent + left > 0 {
            let filled = Int(sent * 20 / (sent + left))
            let bar =
                String(repeating: "=", count: filled) + String(repeating: " ", count: 20 - filled)
            parts.insert("[\(bar)]", at: 1)
        }
        if let rate { parts.append("\(rate >> 20) MiB/s") }
        if let verdict = migration["verdict"]?.text { parts.append(verdict) }
        return parts.joined(separator: "  ")
    }

    private func milliseconds(_ microseconds: UInt64) -> String {
        "\(microseconds / 1000).\(microseconds / 100 % 10) ms"
    }
}
