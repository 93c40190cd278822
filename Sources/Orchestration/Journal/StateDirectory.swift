internal import Devices
internal import SystemCalls
public import SystemPackage

/// The directory that an agent keeps its journals in; one agent at a time.
///
/// `lock` is held with flock(2) for as long as the agent lives; `migrations/ID.journal` are the
/// journals, `migrations/ID.tombstone` what is left of migrations that were to be forgotten before
/// they came.
public final class StateDirectory: Sendable {
    private let root: FilePath
    private let lock: OwnedFileDescriptor
    /// The boot that the agent was started in: device states end with it.
    let bootID = hostBootID

    /// How many tombstones are kept; the oldest go first.
    static let mostTombstones = 4096

    /// Takes a directory, which is made if it is not there.
    ///
    /// `EWOULDBLOCK` as ``JournalFault/inUse(_:)``: another agent has it.
    public init(_ root: FilePath) throws(JournalFault) {
        self.root = root
        do throws(Errno) {
            try Files.makeDirectory(root)
            try Files.makeDirectory(root.appending("migrations"))
            lock = try OwnedFileDescriptor(creating: root.appending("lock"), isNew: false)
            try lock.lockExclusively()
            try Files.sync(directory: root)
        } catch .wouldBlock {
            throw .inUse(root)
        } catch {
            throw .unreadable(root, error)
        }
    }

    private var journals: FilePath { root.appending("migrations") }

    /// Where the journal of a migration is.
    func path(of id: MigrationIdentifier) -> FilePath {
        journals.appending("\(id).journal")
    }

    private func tombstone(of id: MigrationIdentifier) -> FilePath {
        journals.appending("\(id).tombstone")
    }

    /// Begins the journal of a migration.
    func create(_ id: MigrationIdentifier, first: Record) throws(Errno) -> Journal {
        try Journal.create(path(of: id), in: journals, first: first)
    }

    /// All journals, with what they say.
    func open() throws(JournalFault) -> [(MigrationIdentifier, Journal, [Record])] {
        var found: [(MigrationIdentifier, Journal, [Record])] = []
        for name in Files.names(in: journals) where name.hasSuffix(".new") {
            try? Files.remove(journals.appending(name))
        }
        for name in Files.names(in: journals) where name.hasSuffix(".journal") {
            guard let id = MigrationIdentifier(String(name.dropLast(8))) else {
                throw .senseless(journals.appending(name), reason: "its name is no migration's id")
            }
            let (journal, records) = try Journal.open(journals.appending(name))
            found.append((id, journal, records))
        }
        return found
    }

    /// Forgets a migration.
    func remove(_ id: MigrationIdentifier) throws(Errno) {
        try Files.remove(path(of: id))
        try Files.sync(directory: journals)
    }

    // MARK: Tombstones

    /// Remembers that a migration is to be refused when it comes.
    func bury(_ id: MigrationIdentifier) throws(Errno) {
        _ = try OwnedFileDescriptor(creating: tombstone(of: id), isNew: false)
        try Files.sync(directory: journals)
        let all = Files.names(in: journals).filter { $0.hasSuffix(".tombstone") }
        guard all.count > Self.mostTombstones else { return }
        let oldest = all.min {
            Files.modificationTime(of: journals.appending($0)) ?? 0
                < Files.modificationTime(of: journals.appending($1)) ?? 0
        }
        if let oldest { try Files.remove(journals.appending(oldest)) }
    }

    /// Whether a migration was to be forgotten before it came.
    func isBuried(_ id: MigrationIdentifier) -> Bool {
        Files.exists(tombstone(of: id))
    }
}
