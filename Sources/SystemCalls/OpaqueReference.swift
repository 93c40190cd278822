/// An object on its way through C as an opaque pointer: the one place that counts references by hand.
///
/// What ``handOver(_:)`` retains is released by exactly one ``takeBack(_:as:)``; in between, C may
/// have ``look(at:as:)`` look at it as often as it likes.
public enum OpaqueReference {
    /// Gives C a reference of its own to an object.
    public static func handOver(_ object: some AnyObject) -> UnsafeMutableRawPointer {
        unsafe Unmanaged.passRetained(object).toOpaque()
    }

    /// Shows C an object that somebody else keeps for as long as C may use the pointer.
    public static func show(_ object: some AnyObject) -> UnsafeMutableRawPointer {
        unsafe Unmanaged.passUnretained(object).toOpaque()
    }

    /// The object behind a pointer, which C may go on to use.
    public static func look<Object: AnyObject>(
        at pointer: UnsafeMutableRawPointer, as type: Object.Type = Object.self
    ) -> Object {
        unsafe Unmanaged<Object>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// The object behind a pointer, with the reference that C had.
    @discardableResult
    public static func takeBack<Object: AnyObject>(
        _ pointer: UnsafeMutableRawPointer, as type: Object.Type = Object.self
    ) -> Object {
        unsafe Unmanaged<Object>.fromOpaque(pointer).takeRetainedValue()
    }
}
