"""Transitions that go on without the client who asked for them."""

import pytest
from agent import eventually
from conftest import Attach, Start
from devices import Device
from test_ending import attach as attach_to
from test_ending import drain, last_words
from wire import Wire

ASYNC = {"Prefer": "respond-async"}
# Long enough to be seen on its way, short enough to wait for.
ARC_US = 300_000


def at_rest(device: Device) -> bool:
    """No transition is on its way."""
    return "transition" not in device.status


@pytest.mark.parametrize("prefer", [
    "respond-async", "Respond-Async", "wait=5, respond-async", "respond-async; foo=1",
])
def test_respond_async(attach: Attach, prefer: str) -> None:
    """202 with the state at once; the state tells of the way, and in the end what a PUT answers."""
    device = attach(arc_latency_us=ARC_US)
    answer = device.put("STOP", {"Prefer": prefer})
    status = answer.ok(202)
    assert answer["Location"] == f"{device.path}/state"
    assert answer["Preference-Applied"] == "respond-async"
    assert answer.etag == f'"{status["generation"]}"'
    transition = status["transition"]
    assert (transition["from"], transition["to"]) == ("RUNNING", "STOP")
    assert transition["id"] and transition["started_at"]
    eventually(lambda: device.status.get("transition", {}).get("arc"), "an arc is on its way")
    device.put("RUNNING").problem(409, "transition-in-progress")
    device.put("RUNNING", ASYNC).problem(409, "transition-in-progress")
    eventually(lambda: at_rest(device), "it is done")
    report = device.status["last_transition"]
    assert [arc["to"] for arc in report["arcs"]] == ["RUNNING_P2P", "STOP"]
    assert (report["state"], device.state) == ("STOP", "STOP")
    assert report["generation"] == device.generation


def test_waiting_for_the_outcome(attach: Attach) -> None:
    """The long-poll goes from arc to arc; nobody needs to ask in vain."""
    device = attach(arc_latency_us=ARC_US)
    known = device.put("STOP", ASYNC).ok(202)["generation"]
    seen = []
    while "STOP" not in seen:
        query = f"?wait_ms=20000&after_generation={known}"
        status = device.client.get(f"{device.path}/state{query}").ok()
        assert status["generation"] > known
        known = status["generation"]
        seen.append(status["state"])
    assert seen == ["RUNNING_P2P", "STOP"]


def test_long_enough(attach: Attach) -> None:
    """Who waits to its end gets the answer that a PUT gets."""
    device = attach(arc_latency_us=1000)
    target = f"{device.path}/state?wait_ms=30000"
    report = device.client.put(target, {"state": "STOP"}).ok()
    assert len(report["arcs"]) == 2 and device.state == "STOP"


def test_not_long_enough(attach: Attach) -> None:
    """The time passes: 202, and the transition does not care."""
    device = attach(arc_latency_us=ARC_US)
    answer = device.client.put(f"{device.path}/state?wait_ms=50", {"state": "STOP"})
    answer.ok(202)
    assert "Preference-Applied" not in answer
    eventually(lambda: at_rest(device), "it is done")
    assert device.state == "STOP"


def test_nothing_to_do(attach: Attach) -> None:
    """There already: nothing goes on that could be waited for."""
    device = attach()
    assert device.put("RUNNING", ASYNC).ok()["arcs"] == []


def test_refused_at_once(attach: Attach) -> None:
    """What the device need not be asked for is known before the answer."""
    device = attach()
    device.put("ERROR", ASYNC).problem(409, "invalid-transition")
    device.put("STOP", {**ASYNC, "If-Match": '"999"'}).problem(412, "precondition-failed")
    device.go("RESUMING")
    device.put("RUNNING", ASYNC).problem(409, "image-incomplete")
    other = attach(features=["STOP_COPY"])
    other.put("PRE_COPY", ASYNC).problem(422, "unsupported-state")


@pytest.mark.parametrize(("errno", "status", "code"), [
    ("EBUSY", 409, "device-busy"), ("EIO", 500, "device-failed"),
])
def test_failure(attach: Attach, errno: str, status: int, code: str) -> None:
    """An arc that fails is told as PUT would have told it, and the device can be named."""
    fault = {"on": "arc", "nth": 2, "action": "errno", "errno": errno}
    device = attach(arc_latency_us=ARC_US, faults=[fault])
    device.put("STOP", ASYNC).ok(202)
    eventually(lambda: at_rest(device), "it is done")
    problem = device.status["last_transition"]
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["state_before"] == "RUNNING"
    assert problem["failed_arc"] == {"from": "RUNNING_P2P", "to": "STOP"}
    assert problem["state_after"] == device.state == "RUNNING_P2P"
    device.go("STOP")
    assert device.status["last_transition"]["state"] == "STOP"


@pytest.mark.parametrize("leave", [Wire.reset, Wire.close])
def test_client_that_leaves(attach: Attach, leave: object) -> None:
    """A PUT that somebody began is run to its end, whether he waits or not."""
    device = attach(arc_latency_us=ARC_US)
    with Wire(device.client.address) as wire:
        wire.ask_json("PUT", f"{device.path}/state", {"state": "STOP"})
        eventually(lambda: not at_rest(device), "it is on its way")
        leave(wire)  # type: ignore[operator]
    eventually(lambda: at_rest(device), "it is done")
    assert device.state == "STOP"


@pytest.mark.parametrize("query", ["wait_ms=-1", "wait_ms=x", "wait_ms=60001"])
def test_wrong_wait(attach: Attach, query: str) -> None:
    """Named, and nothing is done."""
    device = attach()
    answer = device.client.put(f"{device.path}/state?{query}", {"state": "STOP"})
    assert answer.problem(400, "invalid-request")["parameter"] == "wait_ms"
    assert device.state == "RUNNING"


def test_the_agent_waits_for_it(start: Start) -> None:
    """SIGTERM in the middle: the transition comes to its end, and the log says what it did."""
    agent = start("--simulate", "0", "--grace", "86400").started()
    device = attach_to(agent, arc_latency_us=ARC_US)
    device.put("STOP", ASYNC).ok(202)
    drain(agent)
    assert agent.wait() == 0, agent.log
    assert last_words(agent, device).startswith("STOP;")
    assert "RUNNING_P2P -> STOP in " in agent.log


def test_states_are_read_meanwhile(attach: Attach) -> None:
    """A slow arc holds up nobody who only asks."""
    device = attach(arc_latency_us=2_000_000)
    device.put("RUNNING_P2P", ASYNC).ok(202)
    seen = []
    while "transition" in (status := device.status):
        seen.append(status["state"])
    # Between the driver's answer and the end of the transition the state is the new one already.
    assert seen[:20] == ["RUNNING"] * 20, "it was asked all the while"
    assert set(seen) <= {"RUNNING", "RUNNING_P2P"}
