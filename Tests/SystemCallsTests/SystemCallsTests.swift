import Glibc
import SystemCalls
import SystemPackage
import Testing

@Suite("System calls")
struct SystemCallTests {
    @Test(
        "name every errno as the C library does",
        arguments: [("EIO", 5), ("ENOMSG", 42), ("ENODEV", 19), ("EBUSY", 16), ("EHWPOISON", 133)])
    func errnoNames(_ name: String, _ number: CInt) {
        #expect(Errno(rawValue: number).name == name)
        #expect(Errno(name: name)?.rawValue == number)
    }

    @Test("show an errno without a name by its number")
    func namelessErrno() {
        #expect(Errno(rawValue: 524).name == "errno 524")
        #expect(Errno(name: "ENOSUCHTHING") == nil)
    }

    @Test("close a descriptor when its owner goes, and not before")
    func ownership() throws {
        var number: CInt = -1
        do {
            let file = try OwnedFileDescriptor(opening: "/dev/null", flags: O_RDWR)
            number = file.borrowed.rawValue
            #expect(fcntl(number, F_GETFD) == FD_CLOEXEC)
            _ = file.borrowed
        }
        #expect(fcntl(number, F_GETFD) == -1)
        let released = try OwnedFileDescriptor(opening: "/dev/null", flags: O_RDWR).release()
        #expect(fcntl(released, F_GETFD) == FD_CLOEXEC)
        close(released)
    }

    @Test("say why a file cannot be opened")
    func openFailures() {
        #expect(throws: Errno.noSuchFileOrDirectory) {
            _ = try OwnedFileDescriptor(opening: "/nonexistent", flags: O_RDONLY)
        }
        #expect(throws: Errno.tooManySymbolicLinkLevels) {
            _ = try OwnedFileDescriptor(opening: "/proc/self/exe", flags: O_RDONLY | O_NOFOLLOW)
        }
    }

    @Test("read into the free part of a buffer only")
    func read() throws {
        let file = try OwnedFileDescriptor(opening: "/dev/zero", flags: O_RDONLY)
        var counts: [Int] = []
        let bytes = [UInt8](unsafeUninitializedCapacity: 10) { buffer, used in
            var span = OutputRawSpan(
                buffer: UnsafeMutableRawBufferPointer(buffer), initializedCount: 0)
            span.append(UInt8(1))
            for limit in [4, 100] {
                counts.append((try? file.read(into: &span, upTo: limit)) ?? -1)
            }
            used = span.byteCount
        }
        #expect(counts == [4, 5])
        #expect(bytes == [1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test("answer an ioctl that a file does not know with ENOTTY")
    func ioctl() throws {
        let file = try OwnedFileDescriptor(opening: "/dev/null", flags: O_RDWR)
        #expect(throws: Errno.inappropriateIOCTLForDevice) {
            try file.control(0x3b75)
        }
    }

    @Test("tell of an event once, until it is cleared")
    func events() throws {
        let event = try EventDescriptor()
        #expect(ConnectionWatch.none.wait(for: event, timeout: .zero) == .timeout)
        event.signal()
        event.signal()
        #expect(ConnectionWatch.none.wait(for: event, timeout: .zero) == .event)
        #expect(ConnectionWatch.none.wait(for: event, timeout: .zero) == .timeout)
    }

    @Test("write times in RFC 3339, fractions and all")
    func timestamps() {
        #expect(
            "\(Timestamp(microsecondsSinceEpoch: 0))" == "1970-01-01T00:00:00.000000Z")
        #expect(
            "\(Timestamp(microsecondsSinceEpoch: 1_795_421_730_000_250))"
                == "2026-11-23T08:15:30.000250Z")
        #expect(
            "\(Timestamp(microsecondsSinceEpoch: -1))" == "1969-12-31T23:59:59.999999Z")
    }

    @Test("read small files and lists of names")
    func files() throws {
        #expect(Files.text(of: "/proc/sys/kernel/ostype") == "Linux")
        #expect(Files.text(of: "/nonexistent") == nil)
        #expect(Files.names(in: "/proc/self").contains("status"))
        #expect(Files.names(in: "/nonexistent").isEmpty)
        #expect(try Stat("/dev/null").specialDeviceID.numbers == "1:3")
    }
}
