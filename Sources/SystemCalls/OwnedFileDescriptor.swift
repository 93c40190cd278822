internal import Glibc
public import SystemPackage

/// An open file descriptor with one owner: closed when the owner goes.
public struct OwnedFileDescriptor: ~Copyable, Sendable {
    let number: CInt

    /// Takes over a descriptor; whoever had it must not close it any more.
    public init(owning number: CInt) {
        self.number = number
    }

    // close(2) is not repeated on EINTR: Linux has released the number by then.
    deinit {
        _ = close(number)
    }

    /// Opens a file, always close-on-exec.
    ///
    /// Corresponds to open(2). Blocks as long as the file's driver does. The errors are open's:
    /// `ENOENT`, `EACCES`, `ELOOP` (a symbolic link, with `O_NOFOLLOW`), `EBUSY` (a VFIO group or
    /// device that somebody else has open), `EMFILE`, and whatever else the driver says.
    public init(opening path: FilePath, flags: CInt) throws(Errno) {
        self.init(owning: try call(on: path) { unsafe open($0, flags | O_CLOEXEC) })
    }

    /// Gives the descriptor to an owner outside this type, which closes it from now on.
    public consuming func release() -> CInt {
        let number = self.number
        discard self
        return number
    }

    /// The descriptor for poll(2), fstat(2) and C libraries, for as long as its owner lives.
    public var borrowed: FileDescriptor {
        FileDescriptor(rawValue: number)
    }

    /// Reads into the free part of a buffer, at most so many bytes; 0 is what the file means by it.
    ///
    /// Corresponds to read(2). Blocks as long as the file's driver does.
    public func read(
        into buffer: inout OutputRawSpan, upTo limit: Int
    ) throws(Errno) -> Int {
        var result: Result<Int, Errno> = .success(0)
        unsafe buffer.withUnsafeMutableBytes { bytes, used in
            let room = min(limit, bytes.count - used)
            do throws(Errno) {
                let count = try call {
                    unsafe Glibc.read(number, bytes.baseAddress?.advanced(by: used), room)
                }
                used += count
                result = .success(count)
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    /// Reads up to a number of bytes into memory of its own; none at the end of the file.
    ///
    /// Corresponds to read(2). Blocks as long as the file's driver does.
    public func read(upTo count: Int) throws(Errno) -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { unsafe buffer.deallocate() }
        let used = try call { unsafe Glibc.read(number, buffer.baseAddress, count) }
        return unsafe [UInt8](buffer[..<used])
    }

    /// Writes bytes and answers how many of them were taken, which may be fewer.
    ///
    /// Corresponds to write(2). Blocks as long as the file's driver does.
    public func write(_ bytes: RawSpan) throws(Errno) -> Int {
        try unsafe bytes.withUnsafeBytes { bytes throws(Errno) in
            try call { unsafe Glibc.write(number, bytes.baseAddress, bytes.count) }
        }
    }

    /// An ioctl whose argument is a structure that the kernel reads, fills in, or both.
    ///
    /// Corresponds to ioctl(2). Blocks as long as the file's driver does.
    @discardableResult
    public func control<Argument: BitwiseCopyable>(
        _ request: UInt, _ argument: inout Argument
    ) throws(Errno) -> CInt {
        let pointer = UnsafeMutablePointer<Argument>.allocate(capacity: 1)
        defer { unsafe pointer.deallocate() }
        unsafe pointer.initialize(to: argument)
        defer { argument = unsafe pointer.pointee }
        return try call { unsafe ioctl(number, request, pointer) }
    }

    /// An ioctl whose argument is a C string.
    ///
    /// Corresponds to ioctl(2). Blocks as long as the file's driver does.
    public func control(_ request: UInt, text: String) throws(Errno) -> CInt {
        try call {
            unsafe text.withCString {
                unsafe ioctl(number, request, UnsafeMutablePointer(mutating: $0))
            }
        }
    }

    /// An ioctl whose argument is a number or nothing.
    ///
    /// Corresponds to ioctl(2). Blocks as long as the file's driver does.
    @discardableResult
    public func control(_ request: UInt, value: CInt = 0) throws(Errno) -> CInt {
        try call { ioctl(number, request, value) }
    }
}
