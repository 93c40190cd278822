import Hummingbird
import Logging

/// A server on SwiftNIO that answers one path with bytes that are ready: `hello PORT PATH BODY`.
@main
struct Hello {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let port = Int(arguments[1]) else {
            preconditionFailure("usage: hello PORT PATH BODY")
        }
        let body = ByteBuffer(string: arguments[3])
        let router = Router()
        router.get(RouterPath(arguments[2])) { _, _ in
            Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: body))
        }
        var logger = Logger(label: "hello")
        logger.logLevel = .error
        let application = Application(
            router: router,
            configuration: .init(address: .hostname("127.0.0.1", port: port)),
            logger: logger)
        try await application.runService()
    }
}
