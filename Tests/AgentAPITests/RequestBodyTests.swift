import Devices
import HTTPServer
import JSON
import TestSupport
import Testing

@testable import AgentAPI

@Suite("A request's body")
struct RequestBodyTests {
    private let caller = Caller()

    @Test(
        "is refused with a pointer to what is wrong",
        arguments: [
            ("[]", ""), ("{", ""), (#"{"id": "a"}"#, "/source"), (#"{"source": 1}"#, "/source"),
            (#"{"source": {}}"#, "/source"),
            (
                #"{"source": {"simulated": {}, "cdev": {"path": "/dev/vfio/devices/vfio0"}}}"#,
                "/source"
            ),
            (#"{"source": {"other": {}}}"#, "/source/other"),
            (#"{"source": {"simulated": {"a/b~c": 1}}}"#, "/source/simulated/a~1b~0c"),
            (#"{"source": {"simulated": {}}, "x": 1}"#, "/x"),
            (#"{"source": {"simulated": {}}, "id": "a/b"}"#, "/id"),
            (#"{"source": {"simulated": {"seed": 1.0}}}"#, "/source/simulated/seed"),
            (#"{"source": {"simulated": {"seed": -1}}}"#, "/source/simulated/seed"),
            (#"{"source": {"simulated": {"seed": "1"}}}"#, "/source/simulated/seed"),
            (
                #"{"source": {"simulated": {"initial_bytes": 63}}}"#,
                "/source/simulated/initial_bytes"
            ),
            (#"{"source": {"simulated": {"features": ["P2P"]}}}"#, "/source/simulated/features"),
            (
                #"{"source": {"simulated": {"features": ["STOP_COPY", "X"]}}}"#,
                "/source/simulated/features/1"
            ),
            (
                #"{"source": {"simulated": {"temporary_end": "x"}}}"#,
                "/source/simulated/temporary_end"
            ),
            (#"{"source": {"simulated": {"faults": [1]}}}"#, "/source/simulated/faults/0"),
            (
                #"{"source": {"simulated": {"faults": [{"on": "arc", "nth": 0, "action": "stall"}]}}}"#,
                "/source/simulated/faults/0/nth"
            ),
            (
                #"{"source": {"simulated": {"faults": [{"on": "read", "nth": 1, "action": "emfile-after"}]}}}"#,
                "/source/simulated/faults/0/action"
            ),
            (
                #"{"source": {"simulated": {"faults": [{"on": "arc", "nth": 1, "action": "errno", "errno": "EX"}]}}}"#,
                "/source/simulated/faults/0/errno"
            ),
            (#"{"source": {"cdev": {"path": "/etc/passwd"}}}"#, "/source/cdev/path"),
            (#"{"source": {"group": {"group": 1, "device": "a/b"}}}"#, "/source/group/device"),
            (#"{"source": {"group": {"device": "x"}}}"#, "/source/group/group"),
        ])
    func pointers(_ body: String, _ pointer: String) {
        let answer = caller.call("POST", "/v1/devices", body)
        #expect(answer.status == 400)
        #expect(answer.code == "invalid-request")
        #expect(answer.string("pointer") == pointer)
        #expect(caller.registry.devices.isEmpty)
    }

    @Test("comes back as it was read")
    func roundTrip() throws {
        let plan = """
            {"features":["STOP_COPY","PRE_COPY"],"initial_bytes":1000,"stop_copy_bytes":100,\
            "dirty_bytes_per_second":5,"seed":9,"temporary_end":"zero","arc_latency_us":7,\
            "precopy_info":"patch-v7","last_close_resets":false,"faults":[{"on":"arc","nth":3,\
            "action":"errno","errno":"EBUSY"},{"on":"read","nth":1,"action":"stall","stall_ms":5}]}
            """
        let answer = caller.call("POST", "/v1/devices", #"{"source": {"simulated": \#(plan)}}"#)
        #expect(answer.status == 201)
        #expect(answer.text.contains(#""source":{"simulated":\#(plan)}"#))
        #expect(answer.fields["Location"] == "/v1/devices/sim0")
    }

    @Test("of another type is refused before it comes: a browser can send a form unasked")
    func mediaTypes() {
        for type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
            let answer = caller.call("POST", "/v1/devices", "{}", [("Content-Type", type)])
            #expect(answer.code == "unsupported-media-type")
        }
        let body = #"{"source": {"simulated": {}}}"#
        let type = [("Content-Type", "Application/JSON; charset=utf-8")]
        #expect(caller.call("POST", "/v1/devices", body, type).status == 201)
    }

    @Test("has at most 64 KiB")
    func size() {
        let padding = String(repeating: " ", count: 65_536 - 29)
        let largest = #"{"source": {"simulated": {}}}"# + padding
        #expect(largest.utf8.count == 65_536)
        #expect(caller.call("POST", "/v1/devices", largest).status == 201)
        #expect(caller.call("POST", "/v1/devices", largest + " ").code == "body-too-large")
    }
}
