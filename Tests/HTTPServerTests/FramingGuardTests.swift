import Testing

@testable import HTTPServer

@Suite("The framing guard")
struct FramingGuardTests {
    private func fault(
        _ fields: [(String, String)], isHTTP10: Bool = false
    ) -> FramingFault? {
        var header = HeaderFields()
        for (name, value) in fields { header.append(name, value) }
        let head = RequestHead(
            method: "PUT", rawTarget: "/", isHTTP10: isHTTP10, fields: header)
        do throws(FramingFault) {
            try head.checkFraming()
            return nil
        } catch {
            return error
        }
    }

    private let host = ("Host", "here")

    @Test("lets sound requests through")
    func sound() {
        #expect(fault([host]) == nil)
        #expect(fault([host, ("Content-Length", "5")]) == nil)
        #expect(fault([host, ("transfer-encoding", "Chunked")]) == nil)
        #expect(fault([], isHTTP10: true) == nil)
        #expect(fault([host, ("X-Custom!", "1"), ("Content-Type", "a")]) == nil)
    }

    @Test("refuses lengths that can be read in two ways")
    func lengths() {
        #expect(
            fault([host, ("Content-Length", "5"), ("Content-Length", "5")])
                == .repeatedContentLength)
        #expect(
            fault([host, ("CONTENT-LENGTH", "5"), ("content-length", "6")])
                == .repeatedContentLength)
        #expect(
            fault([host, ("Content-Length", "5"), ("Transfer-Encoding", "chunked")])
                == .lengthAndEncoding)
        for value in ["gzip", "chunked, gzip", "gzip, chunked", "xchunked", "", "chunked "] {
            #expect(
                fault([host, ("Transfer-Encoding", value)]) == .transferEncoding(value), "\(value)")
        }
        #expect(
            fault([host, ("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")])
                == .transferEncoding("chunked, chunked"))
    }

    @Test("refuses field names that only look like those that frame a request")
    func names() {
        for name in [
            "Content-Length ", "Content-Length\t", "transfer-encoding ", "Transfer-Encoding\n x",
            "content-lengthx", "", "a b", "a\u{e4}", "a:b", "(a)",
        ] {
            #expect(fault([host, (name, "5")]) == .fieldName(name), "\(name)")
        }
    }

    @Test("wants exactly one Host from HTTP/1.1 on")
    func hosts() {
        #expect(fault([]) == .host)
        #expect(fault([host, host]) == .host)
        #expect(fault([host, host], isHTTP10: true) == .host)
    }

    @Test("refuses chunks in HTTP/1.0")
    func chunksInHTTP10() {
        #expect(
            fault([host, ("Transfer-Encoding", "chunked")], isHTTP10: true) == .encodingInHTTP10)
    }
}
