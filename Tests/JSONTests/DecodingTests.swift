import JSON
import Testing

private func decode(_ text: String) throws(JSONSyntaxError) -> JSONValue {
    try JSONValue(decoding: Array(text.utf8))
}

@Suite("Decoding JSON")
struct DecodingTests {
    @Test("keeps members in their order and tells integers from reals")
    func values() throws {
        let value = try decode(
            #"{"b": 1, "a": [true, false, null, 1.0, -9223372036854775808], "c": {"d": "ä\n"}}"#)
        #expect(
            value == [
                "b": 1, "a": [true, false, .null, .real(1), .integer(.min)],
                "c": ["d": "ä\n"],
            ])
        guard case .object(let object) = value else {
            Issue.record("no object")
            return
        }
        #expect(object.members.map(\.name) == ["b", "a", "c"])
    }

    @Test(
        "refuses what is none, and what can be read in two ways",
        arguments: [
            "", " ", "{", "{}x", "{} {}", "'a'", #"{"a": 1, "a": 2}"#, #"{"a": {"b": 1, "b": 1}}"#,
            "{\"a\": 9223372036854775808}", #"{"a": 01}"#, #"{"a": NaN}"#, #"{"a": "\u0000"}"#,
            "\u{feff}{}", "1", #""text""#, "null", "{\"a\": \"\u{0}\"}", #"{"a": "\ud800"}"#,
            #"{a: 1}"#, #"{"a": 1,}"#, "{\"a\": \"\n\"}",
        ])
    func refusals(_ text: String) {
        #expect(throws: JSONSyntaxError.self) { try decode(text) }
    }

    @Test("refuses bytes that are not UTF-8")
    func notUTF8() {
        #expect(throws: JSONSyntaxError.self) {
            try JSONValue(decoding: Array(#"{"a": ""#.utf8) + [0xff] + Array(#""}"#.utf8))
        }
    }

    @Test("bounds the nesting, long before any stack does")
    func nesting() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try decode(nested(32))
        #expect(throws: JSONSyntaxError.self) { try decode(nested(33)) }
        #expect(throws: JSONSyntaxError.self) { try decode(nested(30_000)) }
    }

    @Test("says where the mistake is")
    func reason() {
        #expect {
            try decode(#"{"state" "STOP"}"#)
        } throws: { error in
            (error as? JSONSyntaxError)?.reason.hasPrefix("line 1, column ") == true
        }
    }
}

@Suite("Encoding JSON")
struct EncodingTests {
    private func text(_ value: JSONValue) -> String {
        String(decoding: value.encoded(), as: UTF8.self)
    }

    @Test("is compact, in order, with a newline at the end")
    func form() {
        #expect(
            text(["b": 1, "a": [true, .null, "x"], "none": nil]) == #"{"b":1,"a":[true,null,"x"]}"#
                + "\n")
        #expect(text("plain") == "\"plain\"\n")
        #expect(text([:]) == "{}\n")
    }

    @Test("escapes what has to be escaped, and comes back as it was")
    func roundTrip() throws {
        let value: JSONValue = [
            "text": "quote \" backslash \\ newline \n control \u{1} ä 😀",
            "numbers": [.integer(.max), .integer(.min), 0, .real(0.5)],
        ]
        #expect(try JSONValue(decoding: value.encoded()) == value)
    }

    @Test("leaves out numbers that a reader could not hold")
    func counts() {
        #expect(JSONValue.count(UInt64(Int64.max)) == .integer(.max))
        #expect(JSONValue.count(UInt64(Int64.max) + 1) == nil)
        #expect(text(["big": .count(.max), "small": .count(1)]) == "{\"small\":1}\n")
    }
}
