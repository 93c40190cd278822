internal import Devices
internal import JSON
internal import Orchestration
internal import SystemCalls

extension Problem {
    /// The problem that a migration's refusal is.
    ///
    /// - Parameter action: what was tried on what: `POST /v1/migrations/m1/cancel`.
    init(of problem: MigrationProblem, _ action: String) {
        switch problem {
        case .unknown(let id):
            self.init(.notFound, "\(action): there is no migration '\(id)'.")
        case .toItself(let id):
            self.init(
                .migrationExists,
                "\(action): this agent is the source of a migration '\(id)', and a migration goes to another agent."
            )
        case .exists(let id):
            self.init(.migrationExists, "\(action): there is another migration '\(id)'.")
        case .ended(let phase):
            self.init(
                .migrationEnded, "\(action): the migration has ended: it is \(phase.rawValue).",
                ["phase": .string(phase.rawValue)])
        case .active(let phase, let reason):
            self.init(
                .migrationActive, "\(action): the migration is \(phase.rawValue): \(reason).",
                ["phase": .string(phase.rawValue)])
        case .committed(let phase):
            self.init(
                .migrationCommitted, "\(action): the migration is \(phase.rawValue) already.",
                ["phase": .string(phase.rawValue)])
        case .mismatch(let phase):
            self.init(
                .migrationMismatch,
                "\(action): not possible for this migration, which is \(phase.rawValue).",
                ["phase": .string(phase.rawValue)])
        case .noSuchBarrier(let name):
            self.init(.notFound, "\(action): the migration does not wait at '\(name)'.")
        case .staleEpoch(let current):
            self.init(
                .staleEpoch, "\(action): the migration is at epoch \(current).",
                ["epoch": .count(current)])
        case .noSuchDevice(let id):
            self.init(.notFound, "\(action): no device '\(id)' is attached.")
        case .noneFits(let id, let reason), .incompatible(let id, let reason):
            self.init(
                .incompatibleDevice, "\(action): \(id) cannot be taken: \(reason).",
                ["device": .string("\(id)"), "reason": .string(reason)])
        case .soleHolder(let id):
            self.init(
                .soleHolder, "\(action): \(id) is kept alive by this agent alone.",
                ["device": .string("\(id)")])
        case .p2pRequired(let ids):
            self.init(
                .p2pRequired,
                "\(action): \(ids.map { "\($0)" }.joined(separator: ", ")) cannot be quiesced with the rest of the group."
            )
        case .device(let id, let problem):
            self.init(of: problem, "\(action): \(id)")
        case .invalidURL(let url):
            self = .invalid(
                at: "/destination/url",
                "'\(url)' is no agent's address: http://host:port, https://host or unix:/path.")
        case .unreachable(let reason):
            self.init(
                .peerUnreachable, "\(action): the destination does not answer: \(reason)")
        case .journal(let errno):
            self.init(
                .journalFailed, "\(action): the journal failed with \(errno.text).",
                ["errno": .string(errno.name)])
        case .maintenance(let reason):
            let why = reason.map { ": \($0)" } ?? ""
            self.init(.maintenance, "\(action): the agent is in maintenance\(why).")
        case .tooMany(let role, let limit):
            let option = role == .source ? "--migrations-out" : "--migrations-in"
            self.init(
                .overloaded,
                "\(action): the agent is the \(role.rawValue) of \(limit) migrations already, the most that \(option) allows."
            )
        case .failed(let problem):
            let slug = problem["code"]?.text.flatMap { ProblemSlug(rawValue: $0) }
            self.init(
                slug ?? .migrationMismatch,
                "\(action): \(problem["detail"]?.text ?? "It failed.")")
            if case .object(let object) = problem {
                let known = Set(["type", "title", "status", "detail", "code", "retryable"])
                for member in object.members where !known.contains(member.name) {
                    extras[member.name] = member.value
                }
            }
        }
    }
}
