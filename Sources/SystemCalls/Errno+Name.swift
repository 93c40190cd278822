internal import CLinux
public import SystemPackage

extension Errno {
    /// The symbolic name, `EIO`; `errno 524` for a number that has none.
    public var name: String {
        guard let name = unsafe ferry_errno_name(rawValue) else { return "errno \(rawValue)" }
        return unsafe String(cString: name)
    }

    /// The error with this symbolic name, or nil where Linux has none.
    public init?(name: String) {
        guard let number = (1...Self.highest).first(where: { Errno(rawValue: $0).name == name })
        else { return nil }
        self.init(rawValue: number)
    }

    // EHWPOISON, the highest number that the C library names.
    private static let highest: CInt = 133
}
