@testable import Devices
import HTTPServer
import JSON
import MigrationModel
import SystemPackage
import TestSupport
import Testing

@testable import AgentAPI

@Suite("Problems")
struct ProblemTests {
    @Test("have a page each, with their title, status and what to do")
    func pages() {
        let caller = Caller()
        for slug in ProblemSlug.allCases {
            let page = caller.call("GET", "/problems/\(slug.rawValue)")
            #expect(page.status == 200)
            #expect(page.text.contains(slug.title))
            #expect(page.text.contains("\(slug.status)"))
            #expect(page.text.contains(slug.explanation))
        }
        #expect(caller.call("GET", "/problems/none").code == "not-found")
    }

    @Test("have the members of RFC 9457, and those of this API")
    func members() {
        let answer = Caller().call("GET", "/v1/devices/none")
        #expect(answer.status == 404)
        #expect(answer.fields["Content-Type"] == "application/problem+json")
        #expect(answer.string("type") == "/problems/not-found")
        #expect(answer.string("code") == "not-found")
        #expect(answer.json["status"] == 404)
        #expect(answer.json["retryable"] == false)
        #expect(answer.string("request_id") == answer.fields["Request-Id"])
        #expect(answer.string("detail")?.contains("'none'") == true)
        #expect(answer.string("title")?.isEmpty == false)
    }

    @Test("are retryable where sending the request again does no harm, never on 500")
    func retryable() {
        for slug in ProblemSlug.allCases where slug.isRetryable {
            #expect([409, 502, 503].contains(slug.status))
        }
        #expect(!ProblemSlug.deviceFailed.isRetryable)
        #expect(Problem(.overloaded, "").fields.contains { $0.name == "Retry-After" })
    }

    private func slug(_ errno: Errno, _ arc: Arc) -> ProblemSlug {
        let failure = ArcFailure(
            stateBefore: arc.from, completedArcs: [], failedArc: arc, stateAfter: arc.from,
            error: DeviceError("SET", errno), recovery: [])
        return Problem(of: .arcFailed(failure), "PUT").slug
    }

    @Test("of an arc depend on what the driver said")
    func arcs() {
        let commit = Arc(from: .resuming, to: .stop)
        let quiesce = Arc(from: .running, to: .runningP2P)
        #expect(slug(.resourceBusy, quiesce) == .deviceBusy)
        #expect(slug(.resourceBusy, commit) == .deviceBusy)
        #expect(slug(.invalidArgument, commit) == .imageRejected)
        #expect(slug(.invalidArgument, quiesce) == .deviceFailed)
        #expect(slug(.ioError, commit) == .deviceFailed)
        #expect(slug(.tooManyOpenFiles, Arc(from: .running, to: .preCopy)) == .deviceFailed)
    }

    @Test("of a reset depend on what the driver said")
    func resets() {
        func slug(_ errno: Errno) -> ProblemSlug {
            Problem(of: .resetFailed(DeviceError("RESET", errno), state: .error), "POST").slug
        }
        #expect(slug(.invalidArgument) == .resetUnsupported)
        #expect(slug(.resourceTemporarilyUnavailable) == .resetBusy)
        #expect(slug(.ioError) == .deviceFailed)
    }

    @Test("name the errno and its text")
    func errnoText() {
        let problem = Problem(
            of: .failed("nic", DeviceError("open of the VFIO device", .permissionDenied)))
        #expect(
            problem.detail
                == "Attaching nic: open of the VFIO device failed with EACCES (Permission denied).")
        #expect(problem.extras["errno"] == "EACCES")
    }
}

@Suite("Resources")
struct ResourceTests {
    @Test("of simulated devices are closed where simulation is off")
    func simulationDisabled() {
        let answer = Caller(simulates: false)
            .call("POST", "/v1/devices", #"{"source": {"simulated": {}}}"#)
        #expect(answer.status == 403)
        #expect(answer.code == "simulation-disabled")
    }

    @Test("of the host say how a device could be attached, and cut their pages")
    func hostDevices() {
        let caller = Caller()
        let first = caller.call("GET", "/v1/host-devices?limit=1")
        #expect(first.text.contains(#""migration_supported":"unknown""#))
        #expect(
            first.text.contains(#""source":{"group":{"group":12,"device":"0000:3b:00.2"}}"#))
        #expect(first.string("next_page_token") == "0000:3b:00.2")
        let second = caller.call("GET", "/v1/host-devices?limit=1&page_token=0000:3b:00.2")
        #expect(second.text.contains(#""migration_supported":"false""#))
        #expect(second.json["next_page_token"] == nil)
    }

    @Test("refuse new requests once the agent ends")
    func shutdown() {
        let caller = Caller()
        caller.api.beginShutdown()
        let answer = caller.call("GET", "/v1")
        #expect(answer.code == "shutting-down")
        #expect(answer.fields["Retry-After"] != nil)
    }

    @Test("of device data want HTTP/1.1")
    func http10() {
        let caller = Caller()
        _ = caller.call("POST", "/v1/devices", #"{"source": {"simulated": {}}}"#)
        #expect(caller.call("GET", "/v1/devices/sim0/data", isHTTP10: true).status == 505)
    }
}
