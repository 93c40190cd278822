internal import Glibc

/// The environment of the process.
public enum Environment {
    /// The value of a variable; nil where it is not set, or empty.
    ///
    /// Corresponds to getenv(3). The process never changes its environment.
    public static func value(of name: String) -> String? {
        guard let text = unsafe getenv(name) else { return nil }
        let value = unsafe String(cString: text)
        return value.isEmpty ? nil : value
    }
}
