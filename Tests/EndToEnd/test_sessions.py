"""The saving session, detaching and resetting: what begins, what ends, and who may."""

from collections.abc import Callable
from typing import Any

import pytest
from agent import KIB, MIB, eventually
from conftest import Attach
from devices import Device
from wire import Cut, Wire

INITIAL = 256 * KIB
STOP_COPY = 32 * KIB
PLAN: dict[str, Any] = {"initial_bytes": INITIAL, "stop_copy_bytes": STOP_COPY}
# A device that is found again as it was left.
KEPT: dict[str, Any] = {**PLAN, "last_close_resets": False}


# Phases and outcomes

def test_never_a_session(attach: Attach) -> None:
    """404 only as long as there never was one."""
    device = attach(**PLAN)
    device.client.get(f"{device.path}/session").problem(404, "no-session")
    assert device.client.ask("HEAD", f"{device.path}/data").status == 404
    assert "session" not in device.resource
    device.go("STOP_COPY", "RUNNING")
    assert device.session["phase"] == "ended"
    assert "session" not in device.resource, "the device shows open sessions alone"


def test_phases_of_a_whole_image(attach: Attach) -> None:
    """active, drained, active, complete, ended: one session over the whole saving group."""
    device = attach(**PLAN)
    opened = device.go("PRE_COPY")["session"]
    assert (opened["direction"], opened["phase"], opened["offset"]) == ("saving", "active", 0)
    device.download("?until=drained")
    seen = [device.session]
    device.go("PRE_COPY_P2P", "PRE_COPY", "STOP_COPY")
    device.download("?limit=1")
    seen.append(device.session)
    device.download()
    seen.append(device.session)
    assert device.resource["session"]["phase"] == "complete"
    ended = device.go("RUNNING")["session_ended"]
    seen.append(device.session)
    assert [session["phase"] for session in seen] == ["drained", "active", "complete", "ended"]
    whole = INITIAL + STOP_COPY
    assert [session["offset"] for session in seen] == [INITIAL, INITIAL + 1, whole, whole]
    assert {session["id"] for session in seen} == {opened["id"]}
    assert ended == {"id": opened["id"], "outcome": "committed", "undelivered": False}
    assert seen[-1]["outcome"] == "committed"
    assert seen[-1]["opened_at"] == opened["opened_at"] <= seen[-1]["ended_at"]
    assert all("outcome" not in session and "ended_at" not in session for session in seen[:-1])


@pytest.mark.parametrize("query", [None, "?limit=1", "?until=drained"])
@pytest.mark.parametrize("way_out", ["STOP", "RUNNING", "RUNNING_P2P", "RESUMING"])
def test_going_back(attach: Attach, query: str | None, way_out: str) -> None:
    """Before the image is complete: rolled back, and bytes are undelivered."""
    device = attach(**PLAN)
    session = device.go("PRE_COPY")["session"]["id"]
    if query:
        device.download(query)
    ended = device.go(way_out)["session_ended"]
    assert ended == {"id": session, "outcome": "rolled-back", "undelivered": True}
    if way_out == "RESUMING":
        assert device.session["direction"] == "resuming", "the last session is the open one"
    else:
        assert device.session["outcome"] == "rolled-back"


def test_a_new_session_takes_the_place_of_the_last(attach: Attach) -> None:
    """Each has an id of its own."""
    device = attach(**PLAN)
    seen = {device.go("STOP_COPY")["session"]["id"] for _ in range(3) if device.go("STOP")}
    assert len(seen) == 3
    assert device.session["id"] in seen


def test_lost_bytes_void_the_transfer_and_not_the_device(attach: Attach) -> None:
    """Without a window the session fails, the device goes back or opens a new one with the whole image."""
    device = attach(window=0, initial_bytes=64 * MIB, stop_copy_bytes=STOP_COPY)
    before = device.checksum
    device.go("STOP_COPY")
    with device.open_stream(f"?max_bytes_per_second={16 * MIB}") as wire:
        wire.head()
        wire.chunk()
    eventually(lambda: device.session["phase"] == "failed", "the loss is known")
    problem = device.download().problem(409, "session-lost")
    assert problem["state"] == "STOP_COPY"
    assert problem["session"]["phase"] == "failed"
    assert {"STOP", "RUNNING"} <= set(problem["recovery"])
    assert "PRE_COPY" not in device.status["reachable_states"]
    assert device.go("STOP")["session_ended"]["outcome"] == "rolled-back"
    device.go("STOP_COPY")
    assert len(device.download().body) == 64 * MIB + STOP_COPY
    assert device.checksum == before


@pytest.mark.parametrize("state", ["PRE_COPY", "STOP_COPY"])
def test_where_it_is_already(attach: Attach, state: str) -> None:
    """A PUT of the present state is answered 200 without arcs, whatever the session's fate."""
    device = attach(window=0, initial_bytes=64 * MIB, stop_copy_bytes=STOP_COPY)
    device.go(state)
    with device.open_stream(f"?max_bytes_per_second={16 * MIB}") as wire:
        wire.head()
        wire.chunk()
    eventually(lambda: device.session["phase"] == "failed", "the loss is known")
    assert device.go(state)["arcs"] == []


# One reader

def test_second_reader(attach: Attach) -> None:
    """Refused while the first one lives, and the first one is not disturbed."""
    device = attach(**PLAN)
    device.go("PRE_COPY")
    with device.open_stream() as wire:
        answer = wire.head()
        eventually(lambda: device.session["phase"] == "drained", "it is drained")
        for _ in range(2):
            assert device.download().problem(409, "stream-busy")["offset"] == INITIAL
        device.go("STOP_COPY")
        assert len(wire.chunks(answer)) == INITIAL + STOP_COPY
    assert device.download().status == 200


@pytest.mark.parametrize("leave", [Wire.close, Wire.reset, Wire.finish_sending])
def test_dead_reader_gives_way_while_the_device_idles(
    attach: Attach, leave: Callable[[Wire], None]
) -> None:
    """Nothing of the image was on its way to it, so the next reader takes over."""
    device = attach(**PLAN)
    device.go("PRE_COPY")
    device.download("?until=drained")
    stale = device.open_stream()
    assert stale.head().status == 200
    leave(stale)
    with device.open_stream() as wire:
        answer = wire.head()
        assert answer.status == 200, "at once, not at some timeout"
        device.go("STOP_COPY")
        assert len(wire.chunks(answer)) == STOP_COPY
    if leave is Wire.finish_sending:
        with pytest.raises(Cut):
            stale.chunks()
        stale.close()


@pytest.mark.parametrize("leave", [Wire.close, Wire.reset])
def test_reader_that_dies_with_bytes_on_their_way(
    attach: Attach, leave: Callable[[Wire], None]
) -> None:
    """Without a window they may be lost, and the session with them; nobody is told "busy"."""
    device = attach(window=0, **PLAN)
    device.go("PRE_COPY")
    wire = device.open_stream()
    assert wire.head().status == 200
    wire.take(INITIAL)
    eventually(lambda: device.session["phase"] == "drained", "it is drained")
    leave(wire)
    device.download().problem(409, "session-lost")
    assert device.session["phase"] == "failed"
    assert device.go("RUNNING")["session_ended"]["outcome"] == "rolled-back"


@pytest.mark.parametrize("state", ["RUNNING", "STOP", "RESUMING", "RUNNING_P2P"])
def test_reading_outside_the_saving_group(attach: Attach, state: str) -> None:
    """409 with the state."""
    device = attach(**PLAN)
    device.go(state)
    assert device.download().problem(409, "state-mismatch")["state"] == state


# Detaching

@pytest.mark.parametrize("state", ["PRE_COPY", "PRE_COPY_P2P", "STOP_COPY", "RESUMING"])
def test_detaching_with_an_open_session(attach: Attach, state: str) -> None:
    """Refused, unless it is forced; that resets nothing."""
    device = attach(**KEPT)
    session = device.go(state)["session"]["id"]
    assert device.detach().problem(409, "session-active")["session"]["id"] == session
    assert device.state == state
    assert device.detach(force=True).status == 204
    device.client.get(device.path).problem(404, "not-found")
    assert attach(device.id, **KEPT).state == state


def test_detaching_with_a_complete_image(attach: Attach) -> None:
    """A saving session in `complete` is no reason to stay; a resuming one is."""
    device = attach(**PLAN)
    image = device.image()
    device.go("RESUMING")
    device.upload(image).ok()
    device.detach().problem(409, "session-active")
    device.go("STOP_COPY", image={"bytes": len(image)})
    device.download("?limit=1")
    device.detach().problem(409, "session-active")
    device.download()
    assert device.detach().status == 204


@pytest.mark.parametrize("state", ["RUNNING", "RUNNING_P2P", "STOP"])
def test_detaching_without_a_session(attach: Attach, state: str) -> None:
    """The device stays in its state, and what it had is still there."""
    device = attach(seed=5, **KEPT)
    before = device.checksum
    device.go("STOP_COPY", state)
    assert device.detach().status == 204
    again = attach(device.id, seed=5, **KEPT)
    assert again.state == state
    again.go("STOP")
    assert again.checksum == before


def test_ids(attach: Attach, client: Any) -> None:
    """One device for one id; names of hardware are ids; without one the agent finds one."""
    device = attach("0000:3b:00.2", **PLAN)
    assert device.resource["id"] == "0000:3b:00.2"
    body = {"id": device.id, "source": {"simulated": {}}}
    client.post("/v1/devices", body).problem(409, "device-exists")
    answer = client.post("/v1/devices", {"source": {"simulated": PLAN}})
    device = Device(client, answer.ok(201)["id"])
    assert answer["Location"] == device.path
    assert answer.etag == device.client.get(device.path).etag
    assert device.detach().status == 204


def test_what_cannot_be_attached(attach: Attach, client: Any) -> None:
    """A device that the host does not have, with the errno."""
    for source in ({"cdev": {"path": "/dev/vfio/devices/vfio999999"}},
                   {"group": {"group": 999999, "device": "0000:ff:1f.7"}}):
        problem = client.post("/v1/devices", {"source": source}).problem(422, "attach-failed")
        assert problem["errno"] == "ENOENT"
    assert client.get("/v1/devices?backend=kernel").ok()["items"] == []
