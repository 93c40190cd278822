"""GET data and precopy-info: what comes when, in which pieces, and how it ends."""

import time
from typing import Any

import pytest
from agent import KIB, MIB, Agent, eventually, scaled
from clients import end_curl, start_curl
from conftest import Attach
from devices import Device
from wire import Cut

INITIAL = 256 * KIB
STOP_COPY = 32 * KIB
PLAN: dict[str, Any] = {"initial_bytes": INITIAL, "stop_copy_bytes": STOP_COPY}


def test_header_and_trailer(attach: Attach) -> None:
    """Everything that the contract puts around the bytes."""
    device = attach(**PLAN)
    session = device.go("STOP_COPY")["session"]
    answer = device.download()
    assert answer.status == 200
    assert answer["Transfer-Encoding"] == "chunked"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Cache-Control"] == "no-store"
    assert answer["Session-Id"] == session["id"]
    assert answer["Stream-Offset"] == "0"
    announced = {name.strip().lower() for name in answer["Trailer"].split(",")}
    assert announced == set(answer.trailers) >= {"stream-state", "stream-end-offset"}
    assert answer.trailers["stream-state"] == "complete"
    assert answer.trailers["stream-end-offset"] == str(INITIAL + STOP_COPY) == str(len(answer.body))


def test_image_is_the_same_every_time(attach: Attach) -> None:
    """STOP_COPY, STOP, STOP_COPY opens a new session with the whole image."""
    device, other = attach(seed=1, **PLAN), attach(seed=2, **PLAN)
    image = device.image()
    assert len(image) == INITIAL + STOP_COPY
    assert device.image() == image != other.image()


def test_image_does_not_depend_on_the_way(attach: Attach) -> None:
    """Pre-copy and STOP_COPY alone deliver the same bytes of a device that is at rest."""
    device = attach(**PLAN)
    device.go("PRE_COPY")
    first = device.download("?until=drained").body
    device.go("PRE_COPY_P2P", "STOP_COPY")
    second = device.download().body
    assert (len(first), len(second)) == (INITIAL, STOP_COPY)
    device.go("STOP")
    assert device.image() == first + second


def test_until_drained(attach: Attach) -> None:
    """The body ends at a temporary end, time and again, and says so."""
    device = attach(**PLAN)
    device.go("PRE_COPY")
    for length in (INITIAL, 0, 0):
        answer = device.download("?until=drained")
        assert len(answer.body) == length
        assert answer.trailers["stream-state"] == "drained"
        assert answer.trailers["stream-end-offset"] == str(INITIAL)
    assert device.session["phase"] == "drained"
    device.go("STOP_COPY")
    answer = device.download("?until=drained")
    assert answer["Stream-Offset"] == str(INITIAL)
    assert answer.trailers["stream-state"] == "complete", "there is no temporary end any more"


@pytest.mark.parametrize("limit", [1, 4096, 65537, INITIAL, INITIAL + STOP_COPY])
def test_limit(attach: Attach, limit: int) -> None:
    """A body ends after so many bytes, and the next one goes on there."""
    device = attach(**PLAN)
    image = device.image()
    device.go("STOP_COPY")
    offset = 0
    while offset < len(image) and offset < 20 * limit:
        answer = device.download(f"?limit={limit}")
        expected = image[offset:offset + limit]
        assert answer.body == expected
        assert answer["Stream-Offset"] == str(offset)
        offset += len(expected)
        assert answer.trailers["stream-end-offset"] == str(offset) == str(device.session["offset"])
        assert answer.trailers["stream-state"] in ("active", "complete")


def test_offset_without_reading(attach: Attach) -> None:
    """HEAD tells how far the session is, and moves nothing."""
    device = attach(**PLAN)
    device.go("STOP_COPY")
    for offset in (0, 1000, 2000):
        answer = device.client.ask("HEAD", f"{device.path}/data")
        assert (answer.status, answer["Stream-Offset"]) == (200, str(offset))
        assert "Upload-Offset" not in answer
        device.download("?limit=1000")
    device.go("STOP", "RESUMING")
    device.upload(b"").ok()
    answer = device.client.ask("HEAD", f"{device.path}/data")
    assert (answer.status, answer["Upload-Offset"]) == (200, "0")
    assert "Stream-Offset" not in answer


def test_header_comes_at_once(attach: Attach) -> None:
    """Also when the device has nothing to send; and then the stream follows the device."""
    device = attach(**PLAN)
    device.go("PRE_COPY")
    device.download("?until=drained")
    with device.open_stream() as wire:
        answer = wire.head()
        assert (answer.status, answer["Stream-Offset"]) == (200, str(INITIAL))
        device.go("PRE_COPY_P2P", "PRE_COPY", "STOP_COPY")
        assert len(wire.chunks(answer)) == STOP_COPY
        assert answer.trailers["stream-state"] == "complete"


def test_complete_image_has_nothing_more(attach: Attach) -> None:
    """After the end every body is empty and says that it is complete."""
    device = attach(**PLAN)
    device.go("STOP_COPY")
    device.download()
    answer = device.download()
    assert (answer.status, answer.body) == (200, b"")
    assert answer.trailers["stream-state"] == "complete"
    assert answer["Stream-Offset"] == str(INITIAL + STOP_COPY)


@pytest.mark.parametrize("way_out", ["RUNNING", "reset", "detach"])
@pytest.mark.parametrize("idles", [True, False], ids=["idle", "busy"])
def test_stream_breaks_where_its_session_ends(
    attach: Attach, way_out: str, idles: bool
) -> None:
    """No last chunk: the client must not take this for the end of an image."""
    device = attach(**(PLAN if idles else {**PLAN, "initial_bytes": 64 * MIB}))
    device.go("PRE_COPY")
    with device.open_stream("" if idles else f"?max_bytes_per_second={MIB}") as wire:
        answer = wire.head()
        assert answer.status == 200
        wire.chunk()
        if idles:
            eventually(lambda: device.session["phase"] == "drained", "it is drained")
        if way_out == "RUNNING":
            device.go("RUNNING")
        elif way_out == "reset":
            device.reset().ok()
        else:
            device.detach(force=True).ok(204)
        with pytest.raises(Cut):
            wire.chunks(answer)
        assert not answer.trailers


def test_curl_sees_a_broken_stream(agent: Agent, attach: Attach) -> None:
    """Its exit status is not 0."""
    device = attach(**PLAN)
    device.go("PRE_COPY")
    curl = start_curl("-N", f"{agent.url}{device.path}/data")
    eventually(lambda: device.session["phase"] == "drained", "it is drained")
    device.go("RUNNING")
    assert end_curl(curl) == 18


def test_rate(attach: Attach) -> None:
    """Over some seconds there is about as much as asked for, and never a burst."""
    rate = scaled(4 * MIB)
    device = attach(initial_bytes=64 * MIB)
    device.go("PRE_COPY")
    with device.open_stream(f"?max_bytes_per_second={rate}") as wire:
        wire.head()
        start, seen = time.monotonic(), 0
        while (elapsed := time.monotonic() - start) < 2:
            seen += len(wire.chunk())
            assert seen < rate * (elapsed + 1) * 2, "much faster than asked for"
        assert seen > rate * elapsed / 4, "much slower than asked for"


def test_precopy_info_falls_with_every_byte(attach: Attach) -> None:
    """Without dirtying the driver's estimate is exact, and the agent passes it on."""
    device = attach(**PLAN)
    device.go("PRE_COPY")
    for taken in (0, 1, 50000, INITIAL):
        if taken:
            device.download(f"?limit={taken - device.session['offset']}")
        info = fresh_info(device)
        assert (info["initial_bytes"], info["dirty_bytes"]) == (INITIAL - taken, 0)
        assert info["stale"] is False
        assert info["sampled_at"].endswith("Z")


def fresh_info(device: Device) -> Any:
    """An estimate from now on: the agent shares one for as long as the client lets it."""
    time.sleep(0.11)
    return device.client.get(f"{device.path}/precopy-info?max_age_ms=100").ok()


def test_precopy_info_is_shared(attach: Attach) -> None:
    """A sample is asked for once, and given to whoever is content with its age."""
    device = attach(**PLAN)
    device.go("PRE_COPY")
    url = f"{device.path}/precopy-info?max_age_ms=60000"
    first = device.client.get(url).ok()
    device.download("?limit=1000")
    assert device.client.get(url).ok() == first
    assert fresh_info(device)["initial_bytes"] == INITIAL - 1000
    device.go("RUNNING", "PRE_COPY")
    again = device.client.get(url).ok()
    assert again["initial_bytes"] == INITIAL, "a sample does not outlive its session"


def test_precopy_info_where_it_is_not(attach: Attach) -> None:
    """Refused outside pre-copy, and where the driver lacks it; the stream goes on without it."""
    device = attach(precopy_info="unsupported", **PLAN)
    url = f"{device.path}/precopy-info"
    assert device.client.get(url).problem(409, "state-mismatch")["state"] == "RUNNING"
    device.go("PRE_COPY")
    device.client.get(url).problem(501, "not-supported")
    with device.open_stream() as wire:
        answer = wire.head()
        eventually(lambda: device.session["phase"] == "drained", "it is drained")
        device.go("STOP_COPY")
        device.client.get(url).problem(409, "state-mismatch")
        assert len(wire.chunks(answer)) == INITIAL + STOP_COPY


def test_precopy_info_of_the_first_version(attach: Attach) -> None:
    """It knows no REINIT, and in PRE_COPY_P2P the last value is kept and marked as stale."""
    old, new = attach(precopy_info="patch-v7", **PLAN), attach(**PLAN)
    assert (old.resource["precopy_info_version"], new.resource["precopy_info_version"]) == (1, 2)
    for device in (old, new):
        device.go("PRE_COPY")
    assert "reinit" not in fresh_info(old)
    assert fresh_info(new)["reinit"] is False
    for device, is_stale in ((old, True), (new, False)):
        device.go("PRE_COPY_P2P")
        info = fresh_info(device)
        assert (info["stale"], info["initial_bytes"]) == (is_stale, INITIAL)
