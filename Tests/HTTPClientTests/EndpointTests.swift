import HTTPClient
import Testing

@Suite("Endpoints")
struct EndpointTests {
    @Test(
        "are written as they are read",
        arguments: [
            "http://127.0.0.1:8440", "http://[::1]:1", "https://node-2.example:443",
            "unix:/run/ferry.sock",
        ])
    func roundTrip(_ text: String) {
        #expect(Endpoint(text)?.description == text)
    }

    @Test("need no port, and bear a slash")
    func shortForms() {
        #expect(Endpoint("http://node") == .http(host: "node", port: 80))
        #expect(Endpoint("https://[fe80::1]/") == .https(host: "fe80::1", port: 443))
    }

    @Test(
        "are refused where they are none",
        arguments: [
            "", "node:80", "http://", "http://:80", "http://node:", "http://node:0",
            "http://node:65536", "http://node:+1", "http://node/path", "http://node?x",
            "HTTP://node",
            "http://user@node", "http://user:word@node", "http://node:80:80", "http://[::1",
            "http://[node]", "http://[]", "http://::1", "http://no de", "http://node\r\n",
            "http://node%00", "ftp://node", "unix:", "unix:relative", "unix:/a\0b",
        ])
    func none(_ text: String) {
        #expect(Endpoint(text) == nil)
    }
}
