import HTTPServer
import JSON
import TestSupport
import Testing

@testable import AgentAPI

@Suite("Conditions and parameters")
struct ConditionTests {
    private let caller: Caller

    init() {
        caller = Caller()
        _ = caller.call("POST", "/v1/devices", #"{"source": {"simulated": {}}}"#)
    }

    private let stop = #"{"state": "STOP"}"#

    @Test("If-None-Match saves a body that the client has")
    func ifNoneMatch() {
        for path in ["/v1/devices/sim0", "/v1/devices/sim0/state"] {
            let tag = caller.call("GET", path).fields["ETag"] ?? ""
            #expect(tag == "\"1\"")
            for value in [tag, "W/\(tag)", "\"x\", \(tag)", "*", " * "] {
                let answer = caller.call("GET", path, nil, [("If-None-Match", value)])
                #expect(answer.status == 304, "\(value)")
                #expect(answer.text.isEmpty)
                #expect(answer.fields["ETag"] == tag)
            }
            #expect(caller.call("GET", path, nil, [("If-None-Match", "\"2\"")]).status == 200)
            let wrong = caller.call("GET", path, nil, [("If-None-Match", "1")])
            #expect(wrong.string("parameter") == "If-None-Match")
        }
    }

    @Test("If-Match keeps a change from a client that knows too little")
    func ifMatch() {
        let path = "/v1/devices/sim0/state"
        for value in ["\"7\"", "W/\"1\"", "\"abc\"", "\"a,b\"", "\"1,1\" , \"x\""] {
            let answer = caller.call("PUT", path, stop, [("If-Match", value)])
            #expect(answer.code == "precondition-failed", "\(value)")
            #expect(answer.json["generation"] == 1)
        }
        for value in ["1", "\"a\"b\"", "\"a", "\"a\" \"1\"", "* \"1\""] {
            #expect(
                caller.call("PUT", path, stop, [("If-Match", value)]).status == 400, "\(value)")
        }
        #expect(caller.call("PUT", path, stop, [("If-Match", "\"9\", \"1\"")]).status == 200)
        #expect(caller.call("PUT", path, stop, [("If-Match", "*")]).status == 200)
        let delete = caller.call("DELETE", "/v1/devices/sim0", nil, [("If-Match", "\"1\"")])
        #expect(delete.code == "precondition-failed")
    }

    @Test(
        "a parameter that is unknown, twice there or out of range is named",
        arguments: [
            ("/v1/devices?x=1", "x"), ("/v1/devices?limit=1&limit=1", "limit"),
            ("/v1/devices?limit=0", "limit"), ("/v1/devices?limit=501", "limit"),
            ("/v1/devices?limit=+1", "limit"), ("/v1/devices?limit=1.0", "limit"),
            ("/v1/host-devices?page_token=", "page_token"),
            ("/v1/devices?limit=", "limit"), ("/v1/devices?state=running", "state"),
            ("/v1/devices?backend=other", "backend"), ("/v1/devices?page_token=a/b", "page_token"),
            ("/v1/devices/sim0?force=true", "force"),
            ("/v1/devices/sim0/state?wait_ms=60001", "wait_ms"),
            ("/v1/devices/sim0/state?after_generation=x", "after_generation"),
            ("/v1/devices/sim0/precopy-info?until=never", "until"),
            ("/v1/devices/sim0/precopy-info?max_age_ms=99", "max_age_ms"),
            ("/v1/devices/sim0/data?until=x", "until"), ("/v1/devices/sim0/data?limit=0", "limit"),
        ])
    func parameters(_ target: String, _ name: String) {
        let answer = caller.call("GET", target)
        #expect(answer.code == "invalid-request")
        #expect(answer.string("parameter") == name)
    }

    @Test("a request keeps its id where that is one, and gets another where it is not")
    func requestIDs() {
        let kept = caller.call("GET", "/v1/nothing", nil, [("Request-Id", "My.id-1_")])
        #expect(kept.fields["Request-Id"] == "My.id-1_")
        #expect(kept.string("request_id") == "My.id-1_")
        for bad in ["", "a b", "ä", "a\"b", String(repeating: "a", count: 65)] {
            let answer = caller.call("GET", "/v1", nil, [("Request-Id", bad)])
            #expect(answer.fields["Request-Id"]?.isEmpty == false)
            #expect(answer.fields["Request-Id"] != bad)
        }
    }
}
