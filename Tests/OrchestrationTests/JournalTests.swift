import Devices
import JSON
import SystemCalls
import SystemPackage
import Testing

@testable import Orchestration

@Suite("A journal")
struct JournalTests {
    private let folder: FilePath
    private var path: FilePath { folder.appending("m1.journal") }
    private let first = Record(.opened, ["boot_id": "b", "request": ["id": "m1"]])

    init() throws {
        folder = FilePath("/tmp/ferry-journal-\(UInt64.random(in: .min ... .max))")
        try Files.makeDirectory(folder)
    }

    @Test("says after a restart what was written before, in its order")
    func reading() throws {
        let journal = try Journal.create(path, in: folder, first: first)
        let records = [first, Record(.stopping), Record(.committed), Record(.lettingGo)]
        for record in records.dropFirst() { try journal.append(record) }
        let (again, found) = try Journal.open(path)
        #expect(found.map(\.kind) == records.map(\.kind))
        try again.append(Record(.completed))
        #expect(try Journal.open(path).1.map(\.kind) == records.map(\.kind) + [.completed])
    }

    @Test("has every record of those that were written at once, whole")
    func writersAtOnce() async throws {
        let journal = try Journal.create(path, in: folder, first: first)
        try await withThrowingTaskGroup { group in
            for number in 1...40 {
                let detail = String(repeating: "x", count: number)
                group.addTask {
                    try journal.append(Record(.lettingGo, ["detail": .string(detail)]))
                }
            }
            try await group.waitForAll()
        }
        let lengths = try Journal.open(path).1.dropFirst().compactMap {
            $0.details["detail"]?.text?.count
        }
        #expect(lengths.sorted() == Array(1...40))
    }

    @Test("keeps what was written before a record that was cut short", arguments: 1...60)
    func tornTail(_ length: Int) throws {
        let journal = try Journal.create(path, in: folder, first: first)
        try journal.append(Record(.committed, ["detail": "long enough to be cut anywhere"]))
        let whole = try text()
        let end = whole.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        let cut = Array(whole[..<(end - min(length, 80))])
        try overwrite(cut)
        let (again, found) = try Journal.open(path)
        #expect(found.map(\.details) == [first.details])
        // What is left of it does not end up behind a shorter record.
        try again.append(Record(.aborting))
        #expect(try Journal.open(path).1.map(\.kind) == [.opened, .aborting])
    }

    @Test("with a broken record in its middle is not opened", arguments: [3, 20, 60])
    func damage(_ place: Int) throws {
        let journal = try Journal.create(path, in: folder, first: first)
        try journal.append(Record(.committed))
        try journal.append(Record(.lettingGo))
        var bytes = try text()
        bytes[place] ^= 1
        try overwrite(bytes)
        #expect(throws: JournalFault.self) { try Journal.open(path) }
    }

    @Test("has its room from the start, and none is made where there is none")
    func room() throws {
        _ = try Journal.create(path, in: folder, first: first)
        #expect(try text(trimmed: false).count >= Journal.room)
        let nowhere = folder.appending("missing").appending("m2.journal")
        #expect(throws: Errno.noSuchFileOrDirectory) {
            try Journal.create(nowhere, in: folder, first: first)
        }
    }

    @Test("belongs to one agent at a time, and tombstones stay")
    func directory() throws {
        let id = try #require(MigrationIdentifier("m9"))
        var directory: StateDirectory? = try StateDirectory(folder)
        #expect(throws: JournalFault.inUse(folder)) { try StateDirectory(folder) }
        #expect(directory?.isBuried(id) == false)
        try directory?.bury(id)
        directory = nil
        #expect(try StateDirectory(folder).isBuried(id))
    }

    private func text(trimmed: Bool = true) throws -> [UInt8] {
        let file = try OwnedFileDescriptor(updating: path)
        let bytes = try file.readAll(upTo: 1 << 20)
        return trimmed ? Array(bytes[...(bytes.lastIndex { $0 != 0 } ?? 0)]) : bytes
    }

    /// The file as a crash would leave it: zeros behind.
    private func overwrite(_ bytes: [UInt8]) throws {
        let file = try OwnedFileDescriptor(updating: path)
        let zeros = [UInt8](repeating: 0, count: try text(trimmed: false).count - bytes.count)
        try file.writeAll(bytes + zeros, at: 0)
    }
}
