"""A driver that fails or takes its time while data moves."""

import select
from typing import Any

import pytest
from agent import KIB, eventually
from conftest import Attach
from devices import Device
from wire import Cut

PLAN: dict[str, Any] = {"initial_bytes": 64 * KIB, "stop_copy_bytes": 4 * KIB}
STALL_MS = 2000


def broken(attach: Attach, on: str, nth: int, action: str, **members: Any) -> Device:
    """A device with one fault."""
    return attach(faults=[{"on": on, "nth": nth, "action": action, **members}], **PLAN)


@pytest.mark.parametrize("on", ["read", "idle"])
def test_stalling_read_stops_nobody_else(attach: Attach, on: str) -> None:
    """The reader waits for the driver, other requests do not."""
    device = broken(attach, on, 1, "stall", stall_ms=STALL_MS)
    device.go("PRE_COPY")
    if on == "idle":
        device.download(f"?limit={PLAN['initial_bytes']}")
    with device.open_stream() as wire:
        wire.head()
        assert device.state == "PRE_COPY"
        device.client.get(f"{device.path}/precopy-info").ok()
        device.go("PRE_COPY_P2P", "STOP_COPY")
        assert not wire.unread and not select.select([wire.socket], [], [], 0)[0]
        assert wire.take(1)


def test_stalling_write_stops_nobody_else(attach: Attach) -> None:
    """The uploader waits for the driver, and nobody commits in the meantime."""
    image = attach(**PLAN).image()
    device = broken(attach, "write", 1, "stall", stall_ms=STALL_MS)
    device.go("RESUMING")
    with device.open_upload() as wire:
        wire.send_chunk(image).send_chunk(b"")
        assert device.state == "RESUMING"
        device.put("STOP", image={"bytes": len(image)}).problem(409, "image-incomplete")
        device.upload(image).problem(409, "stream-busy")
        assert device.session["offset"] == 0
        wire.answer().ok()
    assert device.go("STOP", image={"bytes": len(image)})["state"] == "STOP"


@pytest.mark.parametrize("on", ["read", "idle"])
def test_error_state_while_streaming(attach: Attach, on: str) -> None:
    """The stream is cut, and the agent finds out where the device stands by itself."""
    device = broken(attach, on, 2 if on == "read" else 1, "error-state")
    device.go("PRE_COPY")
    if on == "read":
        device.download("?limit=1000")
    with device.open_stream() as wire, pytest.raises(Cut):
        wire.chunks(wire.head())
    eventually(lambda: device.state == "ERROR", "the agent sees the state")
    assert device.session["outcome"] == "lost"
    assert device.reset().ok()["state"] == "RUNNING"


def test_read_error(attach: Attach) -> None:
    """The stream is cut, the session has failed and says why, and the device goes back."""
    device = broken(attach, "read", 2, "errno", errno="EIO")
    device.go("PRE_COPY")
    device.download("?limit=1000")
    with device.open_stream() as wire, pytest.raises(Cut):
        wire.chunks(wire.head())
    session = device.session
    assert (session["phase"], session["offset"]) == ("failed", 1000)
    assert session["last_error"]["errno"] == "EIO"
    assert device.resource["last_error"]["errno"] == "EIO"
    device.download().problem(409, "session-lost")
    assert device.go("RUNNING")["session_ended"]["outcome"] == "rolled-back"
    device.go("STOP_COPY")
    assert len(device.download().body) == sum(PLAN.values())


@pytest.mark.parametrize("nth", [1, 2])
def test_write_error_is_latched(attach: Attach, nth: int) -> None:
    """After one refusal no byte and no word helps; a reset does."""
    image = attach(**PLAN).image()
    device = broken(attach, "write", nth, "errno", errno="EFAULT")
    device.go("RESUMING")
    if nth == 2:
        with device.open_upload() as wire:
            wire.send_chunk(image[:1000])
            eventually(lambda: device.session["offset"] == 1000, "the first write is done")
            wire.send_chunk(image[1000:]).send_chunk(b"")
            problem = wire.answer().problem(422, "write-rejected")
    else:
        problem = device.upload(image).problem(422, "write-rejected")
    assert problem["errno"] == "EFAULT"
    assert problem["recovery"] == ["reset"]
    assert device.session["phase"] == "failed"
    assert device.session["last_error"]["errno"] == "EFAULT"
    for proof in ({"image": {"bytes": len(image)}}, {"accept_unverified": True}):
        device.put("STOP", **proof).problem(409, "image-incomplete")
    assert device.state == "RESUMING"
    device.reset().ok()
    device.go("RESUMING")
    device.upload(image).ok()
    assert device.go("STOP", image={"bytes": len(image)})["state"] == "STOP"
