import HTTPServer
import Testing

@Suite("A request's head")
struct RequestHeadTests {
    private func head(_ fields: (String, String)...) -> RequestHead {
        var header = HeaderFields()
        for (name, value) in fields { header.append(name, value) }
        return RequestHead(method: "PUT", rawTarget: "/", fields: header)
    }

    @Test("says how long the body is")
    func bodyLength() {
        #expect(head().bodyLength == .none)
        #expect(head(("Content-Length", "0")).bodyLength == .none)
        #expect(head(("content-length", "12")).bodyLength == .known(12))
        #expect(head(("Transfer-Encoding", "chunked")).bodyLength == .chunked)
    }

    @Test("finds fields without regard to case")
    func fields() {
        let fields = head(("If-Match", "a"), ("if-match", "b"), ("Expect", "100-continue")).fields
        #expect(fields["IF-MATCH"] == "a")
        #expect(fields.all("If-Match") == ["a", "b"])
        #expect(fields["None"] == nil)
        #expect(head(("Expect", "100-continue")).expectsContinue)
    }
}
