import JSON

/// A migration in words and pictures.
struct MigrationReport {
    let migration: JSONValue
    private static let barWidth = 20
    private static let partsWidth = 40

    var id: String { migration["id"]?.text ?? "" }
    var phase: String { migration["phase"]?.text ?? "" }

    /// There is nothing to wait for: it has ended, or an operator may be needed.
    var isOver: Bool {
        let ends = ["completed", "failed", "cancelled", "holding", "in-doubt"]
        return ends.contains(phase)
    }

    var dirtyBytes: UInt64 { sum("dirty_bytes") }

    /// Where it stands: how much, and how it looks.
    func progress(_ trend: Sparkline) -> [String] {
        let estimate = migration["estimate"]
        let sent = sum("bytes")
        var amounts = ["\(id) \(phase)"]
        if let left = estimate?["remaining_bytes"]?.unsigned, sent + left > 0 {
            let done = bar(sent, of: sent + left, width: Self.barWidth)
            amounts += [
                "[\(padded(done, to: Self.barWidth))]", "\(size(sent)) sent", "\(size(left)) left",
            ]
        } else {
            amounts.append("\(size(sent)) sent")
        }
        if let rate = estimate?["bytes_per_second"]?.unsigned { amounts.append("\(size(rate))/s") }
        var outlook: [String] = []
        if let rate = estimate?["dirty_bytes_per_second"]?.unsigned {
            outlook.append("dirty \(trend.text) \(size(rate))/s")
        }
        let verdict = migration["verdict"]?.text ?? ""
        // As long as the initial data is on its way a stop is not near.
        if let downtime = estimate?["downtime_ms"]?.unsigned, !verdict.hasPrefix("copying") {
            outlook.append("downtime about \(time(downtime * 1000))")
        }
        if !verdict.isEmpty { outlook.append(verdict) }
        return [amounts.joined(separator: "  "), outlook.joined(separator: "  ")]
    }

    /// How it ended, or stands.
    func printSummary() {
        say("\(id) \(phase)")
        for device in migration["devices"]?.values ?? [] {
            let bytes = device["image"]?["bytes"] ?? device["progress"]?["bytes"]
            let pair = "\(device["source"]?.text ?? "?") -> \(device["destination"]?.text ?? "?")"
            let amount = bytes?.unsigned.map { "  \(size($0))" } ?? ""
            let states = [device["state"], device["destination_state"]].compactMap { $0?.text }
            say("  \(pair)  \(states.joined(separator: " -> "))\(amount)")
        }
        if let verdict = migration["verdict"]?.text { say("  \(verdict)") }
        for barrier in migration["barriers"]?.values ?? [] {
            let isReached = barrier["reached_at"] != nil && barrier["released_at"] == nil
            if isReached, !isOver, let name = barrier["name"]?.text {
                say("  ferry release \(id) \(name)")
            }
        }
        if phase != "completed" { printConditions() }
        if let failure = migration["failure"] { printFailure(failure) }
        if let downtime = migration["downtime"] { printDowntime(downtime) }
    }

    private func printConditions() {
        let rows = (migration["conditions"]?.values ?? []).map { condition in
            [
                "  \(condition["type"]?.text ?? "")",
                condition["status"] == .bool(true) ? "yes" : "no",
                condition["message"]?.text ?? "",
            ]
        }
        printTable(rows)
    }

    private func printFailure(_ failure: JSONValue) {
        say("  \(failure["detail"]?.text ?? "") (\(failure["code"]?.text ?? ""))")
    }

    private func printDowntime(_ downtime: JSONValue) {
        guard let total = downtime["total_us"]?.unsigned else { return }
        say("  downtime \(time(total))")
        let parts = [
            "quiesce", "stop", "drain", "prepare", "decide", "run", "roll_back",
        ].compactMap { name in downtime["\(name)_us"]?.unsigned.map { (name, $0) } }
        let longest = parts.map { time($0.1).count }.max() ?? 0
        for (name, part) in parts {
            let picture = bar(part, of: total, width: Self.partsWidth, "#")
            let blanks = String(repeating: " ", count: longest - time(part).count)
            say(
                "    \(padded(name, to: 9)) \(blanks)\(time(part))"
                    + (picture.isEmpty ? "" : "  \(picture)"))
        }
    }

    private func sum(_ name: String) -> UInt64 {
        let devices = migration["devices"]?.values ?? []
        return devices.reduce(0) { $0 &+ ($1["progress"]?[name]?.unsigned ?? 0) }
    }
}
