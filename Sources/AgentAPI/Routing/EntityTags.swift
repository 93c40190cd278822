internal import Devices
internal import HTTPServer

/// What `If-Match` or `If-None-Match` says. Source: RFC 9110, section 13.1.
enum EntityTags {
    case any
    /// The tags, and whether each is a weak one.
    case these([(tag: String, isWeak: Bool)])

    init?(_ name: String, of head: RequestHead) throws(Problem) {
        let values = head.fields.all(name)
        if values.isEmpty { return nil }
        let list = values.joined(separator: ",")
        if list.filter({ $0 != " " }) == "*" {
            self = .any
            return
        }
        var tags: [(tag: String, isWeak: Bool)] = []
        var rest = list[...]
        while let start = rest.firstIndex(where: { $0 != " " && $0 != "\t" && $0 != "," }) {
            rest = rest[start...]
            let isWeak = rest.hasPrefix("W/")
            if isWeak { rest = rest.dropFirst(2) }
            // A tag may have commas in it, but no quotes.
            guard rest.first == "\"", let end = rest.dropFirst().firstIndex(of: "\""),
                rest[rest.index(after: end)...].first(where: { $0 != " " && $0 != "\t" }) ?? ","
                    == ","
            else {
                throw .invalid(
                    parameter: name, "\(name) is neither * nor a list of entity tags in quotes.")
            }
            tags.append((String(rest[...end]), isWeak))
            rest = rest[rest.index(after: end)...]
        }
        self = .these(tags)
    }
}

extension Request {
    /// For whom a device is to be changed, and what `If-Match` demands of it. Weak tags never match.
    func requester() throws(Problem) -> Requester {
        let migration = try migrationField()
        switch try EntityTags("If-Match", of: head) {
        case nil: return Requester(migration: migration)
        case .any?: return Requester(migration: migration, isConditional: true)
        case .these(let tags)?:
            let generations = tags.filter { !$0.isWeak }
                .compactMap { UInt64($0.tag.dropFirst().dropLast()) }
            return Requester(
                migration: migration, generations: Set(generations), isConditional: true)
        }
    }

    /// The migration that the client acts for, by `Migration-Id`.
    private func migrationField() throws(Problem) -> MigrationIdentifier? {
        guard let text = head.fields["Migration-Id"] else { return nil }
        guard let id = MigrationIdentifier(text) else {
            throw .invalid(parameter: "Migration-Id", "Migration-Id is '\(text)', which is no id.")
        }
        return id
    }

    /// Whether the client has this representation already, by `If-None-Match`.
    func clientHas(_ entityTag: String) throws(Problem) -> Bool {
        switch try EntityTags("If-None-Match", of: head) {
        case nil: return false
        case .any?: return true
        case .these(let tags)?: return tags.contains { $0.tag == entityTag }
        }
    }
}
