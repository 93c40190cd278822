import HTTPServer
import Testing

@Suite("A request's target")
struct RequestTargetTests {
    @Test("is split first and decoded afterwards")
    func segments() throws {
        #expect(try RequestTarget("/").segments == [""])
        #expect(try RequestTarget("/v1/devices").segments == ["v1", "devices"])
        #expect(try RequestTarget("/v1/devices/").segments == ["v1", "devices", ""])
        #expect(try RequestTarget("//v1").segments == ["", "v1"])
        #expect(try RequestTarget("/a%2Fb/c").segments == ["a/b", "c"])
        #expect(try RequestTarget("/0000%3A3b%3a00.2").segments == ["0000:3b:00.2"])
        #expect(try RequestTarget("/%E2%82%AC").segments == ["€"])
        #expect(try RequestTarget("*").segments.isEmpty)
    }

    @Test("has an authority that says nothing, in absolute form")
    func absoluteForm() throws {
        #expect(try RequestTarget("http://host:1/v1/x?a=1").segments == ["v1", "x"])
        #expect(try RequestTarget("HTTP://host").segments == [""])
        #expect(try RequestTarget("http://host?a=1").query.map(\.name) == ["a"])
        #expect(try RequestTarget("http:///v1").segments == ["v1"])
    }

    @Test("has a query of names and values")
    func query() throws {
        let query = try RequestTarget("/x?a=1&b&c=%26+%2B&a=2&&d==").query
        #expect(query.map(\.name) == ["a", "b", "c", "a", "d"])
        #expect(query.map(\.value) == ["1", "", "& +", "2", "="])
    }

    @Test(
        "is refused where it hides something",
        arguments: [
            ("/a%00b", RequestTarget.Fault.encoding), ("/a%0", .encoding), ("/a%zz", .encoding),
            ("/%ff", .encoding), ("/%C0%AF", .encoding), ("/x?a=%00", .encoding),
            ("/a/../b", .dotSegment), ("/./a", .dotSegment), ("/%2e%2E/b", .dotSegment),
            ("host:443", .form), ("", .form), ("v1", .form), ("ftp://h/x", .form),
            ("/a\u{301}", .form), ("/a b", .form), ("/a\u{7f}", .form),
        ])
    func refusals(_ raw: String, _ fault: RequestTarget.Fault) {
        #expect(throws: fault) { try RequestTarget(raw) }
    }
}
