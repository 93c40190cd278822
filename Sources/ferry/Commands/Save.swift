import ArgumentParser
import Digests
import HTTPClient
import JSON
import SystemPackage

/// What becomes of a device that was saved.
enum Afterwards: String, ExpressibleByArgument, CaseIterable {
    case running
    case stop
    case reset

    var words: String {
        switch self {
        case .running: "runs on"
        case .stop: "is stopped"
        case .reset: "was reset"
        }
    }
}

/// `ferry save`: a device's state as a file.
struct Save: AgentCommand {
    static let configuration = CommandConfiguration(
        abstract: "Save a device's state into a file.",
        discussion: """
            The device is copied while it runs, where it can be, and stands still for the rest. FILE \
            appears once it is whole and on the disk, and with it FILE.json, which says what it is; \
            until then it is FILE.partial. A failure and Ctrl-C take the device back to where it was.

            A saved image is a backup, and the device goes on by default. A state must never run \
            twice: whoever restores the image somewhere else has to end what runs on here first, or \
            has to save with --then stop or --then reset.
            """)

    @OptionGroup var options: AgentOptions
    @Argument(help: "The device.", completion: .device) var device: String
    @Argument(help: "The file, which must not be there yet.", completion: .file())
    var file: String
    @Option(help: "What becomes of the device; by default it goes on as before.")
    var then: Afterwards?

    func run(_ agent: Agent) throws {
        let stream = agent.streamClient()
        let interrupts = try Interrupts(
            first: { stream.cut() },
            second: "\(device) is left as it is: see 'ferry state \(device)'")
        var saving = try Saving(
            agent, stream, device, into: ImageFile(creating: FilePath(file)), interrupts,
            ProgressDisplay(isOn: !options.json))
        let saved = try saving.run(then: then)
        if options.json {
            printJSON(saved.image.json.encoded())
        } else {
            let (bytes, sha256) = (saved.image.bytes, saved.image.sha256.hexadecimal)
            say("\(device) is saved in \(file): \(bytes) bytes, sha256 \(sha256)")
            if let time = saved.standstill { say("it stood still for about \(time)") }
        }
        if let failure = saved.failure { throw failure }
        if !options.json { say("it \(saved.image.afterwards?.words ?? "")") }
    }
}
