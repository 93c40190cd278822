internal import Glibc
internal import SystemPackage

/// Runs a system call that answers -1 with `errno` on failure, and again while a signal interrupts it.
///
/// Every system call of this module goes through here: the one place that reads `errno`.
@discardableResult
func call<Result: FixedWidthInteger & SignedInteger>(
    _ systemCall: () -> Result
) throws(Errno) -> Result {
    while true {
        let result = systemCall()
        if result != -1 { return result }
        let error = Errno(rawValue: errno)
        if error != .interrupted { throw error }
    }
}

/// Runs a system call on a path, which it sees as a C string for that long.
@discardableResult
@safe func call(
    on path: FilePath, _ systemCall: (UnsafePointer<CChar>) -> CInt
) throws(Errno) -> CInt {
    try call { unsafe path.withPlatformString { unsafe systemCall($0) } }
}
