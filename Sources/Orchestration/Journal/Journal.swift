internal import Digests
internal import JSON
internal import SystemCalls
public import SystemPackage

/// Where one migration's decisions are written down: append-only, checksummed, with its room reserved.
///
/// A file of text, one record a line: 16 hexadecimal digits of the SHA-256 of the rest of the line, a
/// space, a JSON object. Behind the last record there are zeros, written when the journal was made: so
/// a full disk stops no decision, and a record's fdatasync(2) has no block to allocate.
///
/// A record that was cut short by a crash is nothing that anybody has acted on: it is overwritten. A
/// broken record with others behind it is damage, and nothing is guessed about it.
final class Journal: Sendable {
    private let file: OwnedFileDescriptor
    private let end: Locked<UInt64>

    /// Room for what a migration writes behind its first record, some hundred restarts included.
    static let room = 32 << 10
    /// The longest line: a request has at most 64 KiB, and its devices are described once more.
    static let longestLine = 256 << 10

    private init(_ file: consuming OwnedFileDescriptor, end: UInt64) {
        self.file = file
        self.end = Locked(end)
    }

    /// Makes a journal with its first record on disk, under its final name only then.
    ///
    /// `ENOSPC`, `EDQUOT`: there is no room, and no journal either.
    static func create(
        _ path: FilePath, in directory: FilePath, first: Record
    ) throws(Errno) -> Journal {
        let temporary = FilePath("\(path).new")
        try? Files.remove(temporary)
        do throws(Errno) {
            let file = try OwnedFileDescriptor(creating: temporary)
            let zeros = [UInt8](repeating: 0, count: line(first).count + room)
            try file.writeAll(zeros, at: 0)
            let journal = Journal(file, end: 0)
            try journal.append(first)
            try Files.rename(temporary, path)
            try Files.sync(directory: directory)
            return journal
        } catch {
            try? Files.remove(temporary)
            throw error
        }
    }

    /// Opens a journal and answers what it says, in order.
    static func open(_ path: FilePath) throws(JournalFault) -> (Journal, [Record]) {
        let (journal, bytes) = try reading(path) { () throws(Errno) in
            let journal = Journal(try OwnedFileDescriptor(updating: path), end: 0)
            return (journal, try journal.file.readAll(upTo: longestLine + room))
        }
        let (records, end) = try parse(bytes, path)
        journal.end.withLock { $0 = UInt64(end) }
        // What a crash has left of a record must not end up behind a shorter one.
        if bytes[end...].contains(where: { $0 != 0 }) {
            try reading(path) { () throws(Errno) in
                let zeros = [UInt8](repeating: 0, count: bytes.count - end)
                try journal.file.writeAll(zeros, at: UInt64(end))
            }
        }
        return (journal, records)
    }

    private static func reading<Result>(
        _ path: FilePath, _ body: () throws(Errno) -> Result
    ) throws(JournalFault) -> Result {
        do throws(Errno) {
            return try body()
        } catch {
            throw .unreadable(path, error)
        }
    }

    /// Writes a record down. One that is forced is on disk when this returns.
    ///
    /// Corresponds to pwrite(2), fdatasync(2). Blocks as long as the disk does, and while another record
    /// is being written. After an error nobody knows whether the record is there.
    func append(_ record: Record) throws(Errno) {
        let line = Self.line(record)
        try end.withLock { end throws(Errno) in
            try file.writeAll(line, at: end)
            if record.isForced { try file.syncData() }
            end += UInt64(line.count)
        }
    }

    private static func line(_ record: Record) -> [UInt8] {
        var object: JSONObject = [
            "record": .string(record.kind.rawValue), "at": .string("\(Timestamp.now)"),
        ]
        for member in record.details.members { object[member.name] = member.value }
        let text = JSONValue.object(object).encoded()
        return Array("\(checksum(of: text.dropLast())) ".utf8) + text
    }

    private static func checksum(of text: ArraySlice<UInt8>) -> String {
        var sha256 = SHA256()
        let bytes = Array(text)
        unsafe sha256.update(bytes.span.bytes)
        return String(sha256.digest.hexadecimal.prefix(16))
    }

    /// The records of a journal, and where they end.
    static func parse(
        _ bytes: [UInt8], _ path: FilePath
    ) throws(JournalFault) -> (records: [Record], end: Int) {
        var records: [Record] = []
        var start = 0
        while let record = record(in: bytes, at: &start) { records.append(record) }
        // Behind the last good record there is at most one that was cut short.
        var rest = start
        while let newline = bytes[rest...].firstIndex(of: 0x0a) {
            rest = newline + 1
            var next = rest
            if record(in: bytes, at: &next) != nil { throw .damaged(path, at: start) }
        }
        if records.first?.kind != .opened { throw .damaged(path, at: 0) }
        return (records, start)
    }

    private static func record(in bytes: [UInt8], at start: inout Int) -> Record? {
        guard let end = bytes[start...].prefix(longestLine).firstIndex(of: 0x0a) else { return nil }
        let line = bytes[start..<end]
        let text = line.dropFirst(17)
        guard line.count > 17,
            String(decoding: line.prefix(16), as: UTF8.self) == checksum(of: text),
            case .object(let object)? = try? JSONValue(decoding: Array(text)),
            case .string(let name)? = object["record"], let kind = Record.Kind(rawValue: name)
        else { return nil }
        var details = JSONObject()
        for member in object.members where member.name != "record" && member.name != "at" {
            details[member.name] = member.value
        }
        start = end + 1
        return Record(kind, details, at: object["at"]?.text.flatMap { Timestamp($0) })
    }
}

/// Why a journal is of no use.
public enum JournalFault: Error, Hashable, Sendable {
    /// It cannot be read.
    case unreadable(FilePath, Errno)
    /// A record in its middle is broken, at this offset.
    case damaged(FilePath, at: Int)
    /// It says what this agent does not understand.
    case senseless(FilePath, reason: String)
    /// Another agent uses the directory.
    case inUse(FilePath)
}

extension JournalFault {
    /// What is wrong, and what to do.
    public var explanation: String {
        switch self {
        case .unreadable(let path, let error):
            "The state directory's \(path) cannot be used: \(error.name) (\(error))."
        case .damaged(let path, let offset):
            """
            The journal \(path) is damaged at byte \(offset), with records behind. Devices may hang on \
            what stood there, so nothing is guessed: look at it, and move it away if nothing does.
            """
        case .senseless(let path, let reason):
            "The journal \(path) makes no sense to this agent: \(reason)."
        case .inUse(let path):
            "The state directory \(path) is in use by another agent: say --state-directory."
        }
    }
}
