"""What a failing driver looks like from outside: the fault plan of simulated devices."""

import threading
from typing import Any

import pytest
from agent import KIB, PATIENCE, eventually
from answers import Answer
from conftest import Attach
from devices import Device

PLAN: dict[str, Any] = {"initial_bytes": 64 * KIB, "stop_copy_bytes": 4 * KIB}
STALL_MS = 3000


def fault(on: str, nth: int, action: str, **members: Any) -> dict[str, Any]:
    """One entry of a fault plan."""
    return {"on": on, "nth": nth, "action": action, **members}


def broken(attach: Attach, *faults: dict[str, Any], **plan: Any) -> Device:
    """A device with these faults."""
    return attach(faults=list(faults), **{**PLAN, **plan})


def names(arcs: list[dict[str, Any]]) -> list[str]:
    """The states that arcs lead to."""
    return [arc["to"] for arc in arcs]


# Arcs that fail

@pytest.mark.parametrize("nth", [1, 2, 3])
def test_nth_arc(attach: Attach, nth: int) -> None:
    """What was done, what failed, where the device is, and what can be done."""
    device = broken(attach, fault("arc", nth, "errno", errno="EIO"))
    way = ["RUNNING", "RUNNING_P2P", "STOP", "STOP_COPY"]
    problem = device.put("STOP_COPY").problem(500, "device-failed")
    assert problem["errno"] == "EIO"
    assert "EIO" in problem["detail"]
    assert problem["state_before"] == "RUNNING"
    assert names(problem["completed_arcs"]) == way[1:nth]
    assert all(arc["duration_us"] >= 0 for arc in problem["completed_arcs"])
    assert problem["failed_arc"] == {"from": way[nth - 1], "to": way[nth]}
    assert problem["state_after"] == way[nth - 1] == device.state
    assert set(problem["recovery"]) == set(device.status["reachable_states"])
    assert device.resource["last_error"]["errno"] == "EIO"
    assert names(device.go("STOP_COPY")["arcs"]) == way[nth:], "it goes on from there"


def test_last_transition_and_last_error(attach: Attach) -> None:
    """What PUT answered can be asked for again; a reset clears the error."""
    device = broken(attach, fault("arc", 2, "errno", errno="EIO"))
    problem = device.put("STOP").problem(500, "device-failed")
    last = device.status["last_transition"]
    for member in ("code", "status", "state_before", "completed_arcs", "failed_arc", "state_after",
                   "errno", "recovery"):
        assert last[member] == problem[member]
    report = device.go("STOP")
    assert device.status["last_transition"] == report
    assert device.resource["last_error"]["errno"] == "EIO"
    device.reset().ok()
    assert "last_error" not in device.resource


@pytest.mark.parametrize("errno", ["ENOMEM", "EINVAL", "ETIMEDOUT", "ENODEV", "EAGAIN"])
def test_any_other_errno(attach: Attach, errno: str) -> None:
    """500, never retryable, with the errno's name."""
    device = broken(attach, fault("arc", 1, "errno", errno=errno))
    assert device.put("STOP").problem(500, "device-failed")["errno"] == errno


def test_busy_device_keeps_its_session(attach: Attach) -> None:
    """EBUSY: the device declined. Nothing is lost, and the same request may succeed later."""
    device = broken(attach, fault("arc", 3, "errno", errno="EBUSY"))
    session = device.go("PRE_COPY")["session"]["id"]
    first = device.download("?limit=1000").body
    problem = device.put("STOP_COPY").problem(409, "device-busy")
    assert problem["errno"] == "EBUSY"
    assert names(problem["completed_arcs"]) == ["PRE_COPY_P2P"]
    assert problem["state_after"] == device.state == "PRE_COPY_P2P"
    assert {"PRE_COPY", "STOP_COPY"} <= set(problem["recovery"])
    assert device.session["id"] == session
    assert device.session["phase"] == "active"
    assert names(device.go("STOP_COPY")["arcs"]) == ["STOP_COPY"]
    rest = device.download()
    assert rest.trailers["stream-state"] == "complete"
    assert len(first + rest.body) == sum(PLAN.values())


@pytest.mark.parametrize("goal", ["RUNNING", "RUNNING_P2P"])
def test_error_on_leaving_pre_copy(attach: Attach, goal: str) -> None:
    """The driver's session may be freed already: it is asked nothing but a reset any more."""
    states = ["PRE_COPY"] if goal == "RUNNING" else ["PRE_COPY", "PRE_COPY_P2P"]
    device = broken(attach, fault("arc", len(states) + 1, "errno", errno="EIO"))
    device.go(*states)
    device.download("?limit=1000")
    problem = device.put(goal).problem(500, "device-failed")
    assert problem["state_after"] == states[-1]
    assert problem["recovery"] == ["reset-when-idle"]
    assert device.session["phase"] == "failed"
    device.client.get(f"{device.path}/precopy-info").problem(409, "session-lost")
    device.download().problem(409, "session-lost")
    for state in ("RUNNING", "RUNNING_P2P", "STOP_COPY", "STOP"):
        refused = device.put(state).problem(409, "session-lost")
        assert refused["recovery"] == ["reset-when-idle"]
    assert device.status["reachable_states"] == []
    assert device.reset().ok()["session_ended"]["outcome"] == "reset"
    assert device.go("PRE_COPY")["session"]["phase"] == "active"


def test_declining_to_leave_pre_copy(attach: Attach) -> None:
    """EBUSY on the same arc is no such error."""
    device = broken(attach, fault("arc", 2, "errno", errno="EBUSY"))
    device.go("PRE_COPY")
    device.put("RUNNING").problem(409, "device-busy")
    assert device.session["phase"] == "active"
    assert device.go("RUNNING")["session_ended"]["outcome"] == "rolled-back"


@pytest.mark.parametrize(("errno", "status", "code"), [
    ("EIO", 500, "device-failed"), ("EINVAL", 422, "image-rejected"), ("EBUSY", 409, "device-busy"),
])
def test_commit_that_fails(attach: Attach, errno: str, status: int, code: str) -> None:
    """The image is lost with it, unless the device has only declined."""
    # Three arcs to STOP_COPY, one back, one to RESUMING; the sixth is the commit.
    device = broken(attach, fault("arc", 6, "errno", errno=errno))
    image = device.image()
    device.go("RESUMING")
    device.upload(image).ok()
    proof = {"image": {"bytes": len(image)}}
    problem = device.put("RUNNING", **proof).problem(status, code)
    assert problem["failed_arc"] == {"from": "RESUMING", "to": "STOP"}
    assert problem["state_after"] == device.state == "RESUMING"
    if code == "device-busy":
        assert device.go("RUNNING", **proof)["session_ended"]["outcome"] == "committed"
    else:
        assert problem["recovery"] == ["reset"]
        assert device.session["phase"] == "failed"
        device.put("RUNNING", **proof).problem(409, "image-incomplete")
        assert device.reset().ok()["session_ended"]["outcome"] == "reset"


# ERROR

def test_error_state_on_an_arc(attach: Attach) -> None:
    """Only a reset leads out, and the session has gone with the state."""
    device = broken(attach, fault("arc", 3, "error-state"))
    session = device.go("PRE_COPY")["session"]["id"]
    problem = device.put("STOP_COPY").problem(500, "device-failed")
    assert names(problem["completed_arcs"]) == ["PRE_COPY_P2P"]
    assert problem["failed_arc"] == {"from": "PRE_COPY_P2P", "to": "STOP_COPY"}
    assert problem["state_after"] == device.state == "ERROR"
    assert problem["recovery"] == ["reset"]
    assert (device.session["id"], device.session["outcome"]) == (session, "lost")
    assert "session" not in device.resource
    for goal in ("RUNNING", "STOP", "ERROR"):
        problem = device.put(goal).problem(409, "invalid-transition")
        assert (problem["from"], problem["reachable_states"]) == ("ERROR", [])
    assert device.download().problem(409, "state-mismatch")["state"] == "ERROR"
    assert device.reset().ok()["state"] == "RUNNING"


# No room for the data fd

@pytest.mark.parametrize(("goal", "nth", "recovery"), [
    ("PRE_COPY", 1, {"STOP", "RUNNING", "RUNNING_P2P", "RESUMING"}),
    ("STOP_COPY", 3, {"STOP", "RUNNING", "RUNNING_P2P", "RESUMING"}),
    ("RESUMING", 3, {"reset"}),
])
def test_state_changed_without_a_session(
    attach: Attach, goal: str, nth: int, recovery: set[str]
) -> None:
    """EMFILE after the arc: the agent says so, and does not undo it by itself."""
    device = broken(attach, fault("arc", nth, "emfile-after"))
    problem = device.put(goal).problem(500, "device-failed")
    assert problem["errno"] == "EMFILE"
    assert problem["failed_arc"]["to"] == problem["state_after"] == device.state == goal
    assert set(problem["recovery"]) == recovery
    assert "session" not in device.resource
    lost = device.upload(b"image") if goal == "RESUMING" else device.download()
    lost.problem(409, "session-lost")
    if goal == "RESUMING":
        device.put("STOP", accept_unverified=True).problem(409, "session-lost")
        device.reset().ok()
    else:
        device.go("STOP")
    assert device.go(goal)["session"]["offset"] == 0


# A driver that takes its time

class Later:
    """A request in a thread of its own."""

    def __init__(self, device: Device, goal: str) -> None:
        self.answers: list[Answer] = []
        self.thread = threading.Thread(target=lambda: self.answers.append(device.put(goal)))
        self.thread.start()

    def answer(self) -> Answer:
        """Its answer."""
        self.thread.join(PATIENCE)
        return self.answers[0]


def test_stalling_arc(attach: Attach) -> None:
    """GET answers at once and tells of it; a second writer is refused, not queued."""
    device = broken(attach, fault("arc", 2, "stall", stall_ms=STALL_MS))
    later = Later(device, "STOP_COPY")
    eventually(lambda: device.state == "RUNNING_P2P", "the first arc is done")
    seen = device.status["transition"]
    assert (seen["from"], seen["to"]) == ("RUNNING", "STOP_COPY")
    assert seen["arc"] == {"from": "RUNNING_P2P", "to": "STOP"}
    assert isinstance(seen["id"], str) and seen["started_at"].endswith("Z")
    for refused in (device.put("RUNNING"), device.reset(), device.detach(), device.detach(True)):
        problem = refused.problem(409, "transition-in-progress")
        assert problem["transition"]["id"] == seen["id"]
    assert device.resource["state"] == "RUNNING_P2P"
    assert not later.answers, "all that while the driver was busy"
    report = later.answer().ok()
    assert names(report["arcs"]) == ["RUNNING_P2P", "STOP", "STOP_COPY"]
    assert report["arcs"][1]["duration_us"] >= STALL_MS * 1000 > report["arcs"][0]["duration_us"]
    assert "transition" not in device.status
    assert device.status["last_transition"] == report
