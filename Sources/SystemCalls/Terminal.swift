internal import Glibc
public import SystemPackage

/// What people look at.
public enum Terminal {
    /// How many columns the terminal behind a descriptor has; nil if there is none.
    ///
    /// 80 where the terminal does not know. Corresponds to ioctl(2) with `TIOCGWINSZ`.
    public static func columns(of descriptor: FileDescriptor) -> Int? {
        guard isatty(descriptor.rawValue) == 1 else { return nil }
        var size = winsize()
        let result = unsafe ioctl(descriptor.rawValue, UInt(TIOCGWINSZ), &size)
        return result == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }
}
