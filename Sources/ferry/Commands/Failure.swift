import JSON
import SystemCalls
import SystemPackage

/// Why a command does not do what it should.
struct Failure: Error {
    /// What was tried and why it failed.
    var explanation: String
    var exit = Exit.failed
    /// What can be done about it.
    var advice: String?
    /// The agent's own word on it.
    var problem: Answer?
    /// No answer came, although the request may have been heard.
    var mayHaveArrived = false

    /// The kind of problem that the agent named.
    var code: String? { problem?.value["code"]?.text }

    /// The agent refused, and has done nothing.
    var isRefusal: Bool { problem.map { (400...499).contains($0.status) } ?? false }

    static let interrupted = Failure(explanation: "interrupted", exit: Exit.interrupted)
}

extension Failure {
    /// A failure of the system's.
    init(doing what: String, _ error: Errno) {
        self.init(explanation: "\(what) failed: \(error.name) (\(error))")
    }
}

/// Does something, and says what it was where the system refuses it.
func doing<Result: ~Copyable>(
    _ what: String, _ body: () throws(Errno) -> Result
) throws(Failure) -> Result {
    do throws(Errno) {
        return try body()
    } catch {
        throw Failure(doing: what, error)
    }
}
