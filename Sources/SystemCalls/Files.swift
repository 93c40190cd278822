internal import Glibc
public import SystemPackage

extension DeviceID {
    /// Major and minor number in sysfs' spelling, `511:0`: the name of the device in `/sys/dev/char`.
    public var numbers: String {
        let major = (rawValue >> 8) & 0xfff | (rawValue >> 32) & 0xffff_f000
        let minor = rawValue & 0xff | (rawValue >> 12) & 0xffff_ff00
        return "\(major):\(minor)"
    }
}

/// Small text files and links, as sysfs and procfs have them.
public enum Files {
    /// The text of a file up to a bound, without white space at its end; nil if it cannot be read.
    public static func text(of path: FilePath, limit: Int = 4096) -> String? {
        guard let file = try? OwnedFileDescriptor(opening: path, flags: O_RDONLY) else {
            return nil
        }
        var bytes: [UInt8] = []
        while bytes.count < limit {
            guard let piece = try? file.read(upTo: limit - bytes.count) else { return nil }
            if piece.isEmpty { break }
            bytes += piece
        }
        let end = bytes.lastIndex { $0 != 0x0a && $0 != 0x20 && $0 != 0 } ?? -1
        return String(decoding: bytes[...end], as: UTF8.self)
    }

    /// The names in a directory, sorted; none if it cannot be read.
    public static func names(in directory: FilePath) -> [String] {
        guard let stream = unsafe directory.withPlatformString({ unsafe opendir($0) }) else {
            return []
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The absolute path behind all symbolic links; nil if it leads nowhere.
    ///
    /// Corresponds to realpath(3).
    public static func resolved(_ path: FilePath) -> FilePath? {
        guard let text = unsafe path.withPlatformString({ unsafe realpath($0, nil) }) else {
            return nil
        }
        defer { unsafe free(text) }
        return unsafe FilePath(platformString: text)
    }

    /// Takes a name out of its directory. Corresponds to unlink(2).
    public static func remove(_ path: FilePath) throws(Errno) {
        try call(on: path) { unsafe unlink($0) }
    }

    /// Gives a file another name in its directory, in one step. Corresponds to rename(2).
    public static func rename(_ path: FilePath, _ newPath: FilePath) throws(Errno) {
        try call(on: path) { old in
            unsafe newPath.withPlatformString { new in unsafe Glibc.rename(old, new) }
        }
    }

    /// Makes a directory for its owner alone, unless it is there, and those above it. Corresponds to
    /// mkdir(2).
    public static func makeDirectory(_ path: FilePath) throws(Errno) {
        let parent = path.removingLastComponent()
        if !parent.isEmpty && !exists(parent) { try makeDirectory(parent) }
        do throws(Errno) {
            try call(on: path) { unsafe mkdir($0, 0o700) }
        } catch .fileExists {
            return
        } catch {
            throw error
        }
    }

    /// Puts the names in a directory on the disk. Corresponds to fsync(2) on the directory.
    public static func sync(directory: FilePath) throws(Errno) {
        let file = try OwnedFileDescriptor(opening: directory, flags: O_RDONLY | O_DIRECTORY)
        try call { fsync(file.number) }
    }

    /// Whether there is something under a name. Corresponds to access(2).
    public static func exists(_ path: FilePath) -> Bool {
        unsafe path.withPlatformString { unsafe access($0, F_OK) } == 0
    }

    /// When a file was changed last, in seconds since 1970; nil if it is not there.
    public static func modificationTime(of path: FilePath) -> Int? {
        var status = stat()
        let result = unsafe path.withPlatformString { unsafe stat($0, &status) }
        return result == 0 ? status.st_mtim.tv_sec : nil
    }
}
