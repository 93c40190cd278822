import ArgumentParser
import Glibc
import HTTPClient
import SystemCalls

/// Which agent a command talks to, and how it answers.
struct AgentOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The agent: http://host:port, https://host or unix:/path. By default $FERRY_AGENT, or \
            http://127.0.0.1:8440.
            """, valueName: "url"))
    var agent: String?

    @Flag(help: "Print the JSON that the agent answers, one document, and nothing else.")
    var json = false

    /// The agent; exits with 64 where its address makes no sense.
    func connect() throws -> Agent {
        let text = agent ?? Environment.value(of: "FERRY_AGENT") ?? Agent.defaultURL
        guard let endpoint = Endpoint(text) else {
            throw ValidationError(
                "'\(text)' is no agent: http://host:port, https://host or unix:/path.")
        }
        return Agent(endpoint)
    }
}

/// A command that talks to an agent.
protocol AgentCommand: ParsableCommand {
    var options: AgentOptions { get }

    func run(_ agent: Agent) throws
}

extension AgentCommand {
    /// Runs it; what goes wrong is said on standard error, and is the exit code.
    func run() throws {
        let agent = try options.connect()
        do {
            try run(agent)
            try finishOutput()
        } catch let failure as Failure {
            if options.json, let problem = failure.problem { printJSON(problem) }
            fflush(nil)
            complain(failure.explanation)
            if let advice = failure.advice ?? agent.advice(on: failure) {
                for line in advice.split(separator: "\n") { complain(String(line)) }
            }
            throw failure.exit
        }
    }
}

/// How a command ends: 0 is success, 64 a typing error.
enum Exit {
    /// The agent refused it or failed at it, or something here did.
    static let failed = ExitCode(1)
    /// The agent cannot be reached, or what answers is none.
    static let unreachable = ExitCode(2)
    /// A migration ended otherwise than completed: the source runs.
    static let givenUp = ExitCode(3)
    /// A migration is in doubt, and the destination is asked on; or it is held, and an operator is needed.
    static let inDoubt = ExitCode(4)
    /// Ctrl-C.
    static let interrupted = ExitCode(130)

    /// For `ferry help`.
    static let explanation = """
        Exit codes: 0 it is done; 1 it was refused or failed; 2 the agent cannot be reached; 3 a \
        migration ended otherwise than completed, as one that Ctrl-C has cancelled, and the source \
        runs; 4 a migration is in doubt, or held for an operator; 64 the command line is wrong; 130 \
        it was interrupted.
        """
}
