import ArgumentParser
import Digests
import HTTPClient
import JSON
import MigrationModel
import SystemPackage

/// `ferry restore`: a saved image into a device.
struct Restore: AgentCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a saved image into a device.",
        discussion: """
            The device loses the state that it has. FILE.json has to be there: an image of another \
            driver, vendor, device or mdev type is refused, and so is one whose SHA-256 has changed. \
            A failure and Ctrl-C reset the device.

            A state must never run twice: make sure that the device that was saved does not run on, \
            nor another one that the image was restored to.
            """)

    /// What becomes of the device.
    enum Then: String, ExpressibleByArgument, CaseIterable {
        case running
        case stop
    }

    @OptionGroup var options: AgentOptions
    @Argument(help: "The device.", completion: .device) var device: String
    @Argument(help: "What 'ferry save' has saved.", completion: .file()) var file: String
    @Option(help: "What becomes of the device.") var then = Then.running

    func run(_ agent: Agent) throws {
        let stream = agent.streamClient()
        let interrupts = try Interrupts(
            first: { stream.cut() },
            second: "\(device) is left as it is: see 'ferry state \(device)'")
        let display = ProgressDisplay(isOn: !options.json)
        defer { display.erase() }
        let image = try ImageDescription(besides: FilePath(file))
        let before = try agent.device(device)
        if let objection = image.objection(to: before.value) {
            throw Failure(explanation: "\(device) does not take \(file): \(objection)")
        }
        try check(image, interrupts, display)
        let report = try put(image, before, agent, stream, interrupts, display)
        display.erase()
        if options.json { return printJSON(report) }
        if image.afterwards == .running {
            complain(
                "the device that it was saved from went on: see that it does not run any more")
        }
        say("\(file) is in \(device), which is in \(report["state"]?.text ?? "")")
    }

    /// Compares the file with its description.
    private func check(
        _ image: ImageDescription, _ interrupts: Interrupts, _ display: ProgressDisplay
    ) throws(Failure) {
        let source = try ImageSource(FilePath(file)) {
            display.show("checking \(file)", $0, of: image.bytes)
        }
        let (bytes, sha256) = try source.digest { () throws(Failure) in try interrupts.check() }
        guard bytes == image.bytes, sha256 == image.sha256 else {
            throw Failure(
                explanation: "\(file) is not what was saved: it has \(bytes) bytes with the sha256 "
                    + "\(sha256.hexadecimal), and its description says \(image.bytes) with "
                    + image.sha256.hexadecimal)
        }
    }

    /// Resumes the device with the image; resets it if it does not take it.
    private func put(
        _ image: ImageDescription, _ before: Answer, _ agent: Agent, _ stream: HTTPClient,
        _ interrupts: Interrupts, _ display: ProgressDisplay
    ) throws(Failure) -> Answer {
        try interrupts.check()
        var hasBegun = false
        let report: Answer
        do throws(Failure) {
            do throws(Failure) {
                _ = try agent.move(device, to: .resuming, ifMatch: before.entityTag)
                hasBegun = true
            } catch {
                hasBegun = !error.isRefusal
                throw error
            }
            try upload(image, agent, stream, interrupts, display)
            try interrupts.check()
            let proof: JSONValue = [
                "bytes": .count(image.bytes), "sha256": .string(image.sha256.hexadecimal),
            ]
            report = try agent.move(device, to: .stop, image: proof)
        } catch {
            display.erase()
            throw hasBegun ? afterReset(error, agent) : error
        }
        return then == .stop ? report : try agent.move(device, to: .running)
    }

    private func upload(
        _ image: ImageDescription, _ agent: Agent, _ stream: HTTPClient, _ interrupts: Interrupts,
        _ display: ProgressDisplay
    ) throws(Failure) {
        let fields = [
            ("Upload-Length", "\(image.bytes)"), ("Repr-Digest", image.sha256.field),
        ]
        let source = try ImageSource(FilePath(file)) {
            display.show("\(device) RESUMING", $0, of: image.bytes)
        }
        let request = HTTPRequest("PUT", Agent.path(of: device) + "/data", fields)
        let result = Result { () throws(HTTPClientError) in
            try stream.upload(request, from: source)
        }
        try interrupts.check()
        if let failure = source.failure { throw failure }
        switch result {
        case .success(let response): _ = try agent.answer(to: response)
        case .failure(let error): throw agent.unreachable(error)
        }
    }

    private func afterReset(_ failure: Failure, _ agent: Agent) -> Failure {
        var failure = failure
        do throws(Failure) {
            _ = try agent.insist(for: .seconds(10)) { () throws(Failure) in
                try agent.reset(device)
            }
            failure.explanation += "; \(device) was reset"
        } catch {
            failure.advice = """
                \(device) could not be reset: \(error.explanation)
                See 'ferry state \(device)'.
                """
        }
        return failure
    }
}

extension ProgressDisplay {
    /// Shows how much of a file has moved.
    fileprivate func show(_ title: String, _ bytes: UInt64, of whole: UInt64) {
        let done = padded(bar(bytes, of: whole, width: 20), to: 20)
        show(["\(title)  [\(done)]  \(size(bytes)) of \(size(whole))"], topic: title)
    }
}
