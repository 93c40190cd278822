"""Resetting a device, and devices that are found outside RUNNING."""

from typing import Any

import pytest
from agent import KIB
from conftest import Attach
from devices import Device

PLAN: dict[str, Any] = {"initial_bytes": 64 * KIB, "stop_copy_bytes": 4 * KIB}
KEPT: dict[str, Any] = {**PLAN, "last_close_resets": False}
STATES = ["STOP", "RUNNING", "STOP_COPY", "RESUMING", "RUNNING_P2P", "PRE_COPY", "PRE_COPY_P2P"]
LOSES_DATA = ["STOP_COPY", "RESUMING"]


@pytest.mark.parametrize("state", STATES)
def test_reset(attach: Attach, state: str) -> None:
    """To RUNNING from everywhere; without a condition only where nothing is lost."""
    device = attach(**PLAN)
    session = device.go(state).get("session")
    generation = device.generation
    answer = device.client.ask("POST", f"{device.path}/reset")
    if state in LOSES_DATA:
        assert answer.problem(428, "precondition-required")["state"] == state
        assert device.generation == generation
        answer = device.reset(**{"If-Match": "*"})
    report = answer.ok()
    assert (report["device"], report["state"], report["arcs"]) == (device.id, "RUNNING", [])
    assert report["generation"] == device.generation > generation
    if session:
        assert report["session_ended"]["id"] == session["id"]
        assert report["session_ended"]["outcome"] == device.session["outcome"] == "reset"
        assert report["session_ended"]["undelivered"] is True
    else:
        assert "session_ended" not in report


@pytest.mark.parametrize("state", LOSES_DATA)
@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "one"}])
def test_reset_on_condition(attach: Attach, state: str, key: dict[str, str]) -> None:
    """A stale tag is refused, with a key as well; a fresh one will do."""
    device = attach(**PLAN)
    device.go(state)
    device.reset(**{"If-Match": '"0"', **key}).problem(412, "precondition-failed")
    assert device.state == state
    tag = device.client.get(device.path).etag
    assert device.reset(**{"If-Match": tag, **key}).ok()["state"] == "RUNNING"


def test_the_same_key_resets_once(attach: Attach) -> None:
    """It gets the same answer again, and what has come since is left alone."""
    device, other = attach(**PLAN), attach(**PLAN)
    for each in (device, other):
        each.go("STOP_COPY")
    first = device.reset(**{"Idempotency-Key": "key"})
    assert first.ok()["session_ended"]["outcome"] == "reset"
    device.go("STOP_COPY")
    again = device.reset(**{"Idempotency-Key": "key"})
    assert (again.json, again.etag) == (first.json, first.etag)
    assert device.state == "STOP_COPY"
    assert device.reset(**{"Idempotency-Key": "another"}).ok()["state"] == "RUNNING"
    assert other.state == "STOP_COPY", "a key belongs to a device"
    assert other.reset(**{"Idempotency-Key": "key"}).ok()["device"] == other.id
    assert device.state == "RUNNING"


def test_key_of_a_refused_reset(attach: Attach) -> None:
    """What was not done is not remembered as done."""
    device = attach(**PLAN)
    device.go("STOP_COPY")
    headers = {"Idempotency-Key": "key", "If-Match": '"0"'}
    device.reset(**headers).problem(412, "precondition-failed")
    assert device.reset(**{"Idempotency-Key": "key"}).ok()["state"] == "RUNNING"


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_what_is_no_key(attach: Attach, key: str) -> None:
    """400 with the field's name, and nothing is reset."""
    device = attach(**PLAN)
    device.go("STOP_COPY")
    problem = device.reset(**{"Idempotency-Key": key}).problem(400, "invalid-request")
    assert problem["parameter"] == "Idempotency-Key"
    assert device.state == "STOP_COPY"


def test_reset_brings_the_first_content_back(attach: Attach) -> None:
    """The image that was loaded is gone."""
    source, device = attach(seed=1, **PLAN), attach(seed=2, **PLAN)
    before = device.checksum
    image = source.image()
    device.go("RESUMING")
    device.upload(image).ok()
    device.go("STOP", image={"bytes": len(image)})
    assert device.checksum == source.checksum != before
    device.reset().ok()
    assert device.checksum == before


# Found outside RUNNING

def left_in(attach: Attach, state: str) -> Device:
    """A device that another run has left in a state."""
    device = attach(**KEPT)
    device.go(state)
    device.detach(force=True).ok(204)
    return attach(device.id, **KEPT)


@pytest.mark.parametrize("state", ["STOP", "RUNNING_P2P"])
def test_found_without_a_session(attach: Attach, state: str) -> None:
    """It goes on as if nothing had happened."""
    device = left_in(attach, state)
    assert device.state == state
    assert device.go("RUNNING")["state"] == "RUNNING"


@pytest.mark.parametrize("state", ["PRE_COPY", "PRE_COPY_P2P", "STOP_COPY"])
def test_found_in_the_saving_group(attach: Attach, state: str) -> None:
    """Its session is gone: it can go back, and not on."""
    device = left_in(attach, state)
    assert device.state == state
    assert "session" not in device.resource
    device.client.get(f"{device.path}/session").problem(404, "no-session")
    assert set(device.status["reachable_states"]) == {"STOP", "RUNNING", "RUNNING_P2P", "RESUMING"}
    device.download().problem(409, "session-lost")
    if state != "STOP_COPY":
        device.client.get(f"{device.path}/precopy-info").problem(409, "session-lost")
        problem = device.put("STOP_COPY").problem(409, "session-lost")
        assert "RUNNING" in problem["recovery"]
    report = device.go("RUNNING")
    assert "session_ended" not in report, "it had none"
    device.go("PRE_COPY")
    assert len(device.download("?until=drained").body) == PLAN["initial_bytes"]


def test_found_in_resuming(attach: Attach) -> None:
    """Nobody knows what has arrived: nothing but a reset."""
    device = left_in(attach, "RESUMING")
    assert device.status["reachable_states"] == []
    device.upload(b"image").problem(409, "session-lost")
    for goal in ("STOP", "RUNNING", "STOP_COPY"):
        problem = device.put(goal, accept_unverified=True).problem(409, "session-lost")
        assert problem["recovery"] == ["reset"]
    assert device.state == "RESUMING"
    device.client.ask("POST", f"{device.path}/reset").problem(428, "precondition-required")
    assert device.reset().ok()["state"] == "RUNNING"


@pytest.mark.parametrize("state", ["PRE_COPY", "PRE_COPY_P2P", "STOP_COPY", "RESUMING"])
def test_found_and_asked_for_the_same(attach: Attach, state: str) -> None:
    """It is there already: no arcs, no ioctl, whatever has become of the session."""
    assert left_in(attach, state).go(state)["arcs"] == []


def test_found_in_error(attach: Attach) -> None:
    """Nothing but a reset."""
    fault = {"on": "arc", "nth": 1, "action": "error-state"}
    device = attach(faults=[fault], **KEPT)
    device.put("STOP").problem(500, "device-failed")
    device.detach().ok(204)
    device = attach(device.id, faults=[fault], **KEPT)
    assert device.state == "ERROR"
    assert device.status["reachable_states"] == []
    for goal in [*STATES, "ERROR"]:
        device.put(goal).problem(409, "invalid-transition")
    assert device.reset().ok()["state"] == "RUNNING"
    assert device.go("STOP")["state"] == "STOP"


def test_last_close_resets(attach: Attach) -> None:
    """As it does with a function of vfio-pci, and unless the plan says otherwise."""
    device = attach(**PLAN)
    device.go("STOP_COPY")
    device.detach(force=True).ok(204)
    assert attach(device.id, **PLAN).state == "RUNNING"
