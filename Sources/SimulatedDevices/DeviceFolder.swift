internal import Devices
internal import Glibc
internal import SystemCalls
internal import SystemPackage

/// A directory with a file for every simulated device that outlives the agent, named by its id.
///
/// One agent at a time has it: the directory is locked with flock(2), which a killed agent gives up.
final class DeviceFolder: Sendable {
    private let root: FilePath
    private let lock: OwnedFileDescriptor

    /// Takes a directory, which is made if it is not there. `EWOULDBLOCK`: another agent has it.
    init(_ root: FilePath) throws(Errno) {
        self.root = root
        try Files.makeDirectory(root)
        lock = try OwnedFileDescriptor(opening: root, flags: O_RDONLY | O_DIRECTORY)
        try lock.lockExclusively()
    }

    /// The file of a device, and what it says if that is of this plan and of this boot of the host: a
    /// device loses its state with its power.
    func file(
        of id: DeviceIdentifier, _ plan: SimulationPlan
    ) throws(Errno) -> (RecordFile, DeviceRecord?) {
        let path = root.appending("\(id)")
        let kind = hostBootID.utf8.reduce(plan.fingerprint) {
            BlockGenerator.mixed($0, UInt64($1))
        }
        do throws(Errno) {
            let file = try OwnedFileDescriptor(updating: path)
            let bytes = try file.readAll(upTo: DeviceRecord.length)
            if let record = DeviceRecord(bytes, kind: kind) {
                return (RecordFile(file, kind: kind), record)
            }
            // Whatever still has the file of another device open must not write into this one's.
            try Files.remove(path)
        } catch .noSuchFileOrDirectory {
        } catch {
            throw error
        }
        return (RecordFile(try OwnedFileDescriptor(creating: path), kind: kind), nil)
    }
}

/// The file that a device's record is in.
///
/// A record is far smaller than a page and lies in the first one, and the kernel does not stop within
/// a page when it kills a process that writes: what is there is always one whole record. It has to
/// outlive the process and not the host, so it is never put on the disk.
final class RecordFile: Sendable {
    private let file: OwnedFileDescriptor
    private let kind: UInt64

    init(_ file: consuming OwnedFileDescriptor, kind: UInt64) {
        self.file = file
        self.kind = kind
    }

    /// Puts a record in the place of the last one. `ENOSPC`, `EIO`: the last one may still stand.
    func write(_ record: DeviceRecord) throws(Errno) {
        try file.writeAll(record.bytes(kind: kind), at: 0)
    }
}
