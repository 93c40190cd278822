"""Uploads that are cut go on where they stopped; nothing is written twice and nothing is skipped."""

import hashlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from agent import GIB, KIB, MIB, Agent, eventually, scaled
from answers import Answer
from conftest import Attach
from devices import Device
from proxy import Plan, Proxy
from wire import Cut, Wire

PLAN: dict[str, Any] = {"initial_bytes": 256 * KIB, "stop_copy_bytes": 32 * KIB}
CUTS = 50


@pytest.fixture
def image(attach: Attach) -> bytes:
    """The image of a source."""
    return attach(seed=5, **PLAN).image()


@pytest.fixture
def device(attach: Attach) -> Device:
    """A destination in RESUMING."""
    device = attach(seed=6, **PLAN)
    device.go("RESUMING")
    return device


def append(device: Device, offset: int, data: bytes, complete: str = "?0", **more: str) -> Answer:
    """PATCH of a part."""
    headers = {"Upload-Offset": str(offset), "Upload-Complete": complete}
    headers.update({name.replace("_", "-"): value for name, value in more.items()})
    return device.client.ask("PATCH", f"{device.path}/data", data, headers)


def standing(device: Device) -> int:
    """How far the session is, by HEAD."""
    return int(device.client.ask("HEAD", f"{device.path}/data")["Upload-Offset"])


def pieces(agent: Agent, source: Device, offset: int) -> Iterator[bytes]:
    """The source's image from an offset on; the window does not reach that far back, a stream does."""
    with Wire(agent.address) as wire:
        wire.ask("GET", f"{source.path}/data?digest=none&offset={offset}").head()
        while piece := wire.chunk():
            yield piece


def test_large_upload_with_many_cuts(agent: Agent, attach: Attach) -> None:
    """2 GiB, 50 cuts at random offsets: PUT, then PATCH; the digest is right and is committed."""
    size = scaled(2 * GIB)
    # The window holds all of it: the source is to be asked again from anywhere.
    source = attach(seed=5, initial_bytes=size, window=2 * size)
    destination = attach(seed=6, initial_bytes=size)
    source.go("STOP_COPY")
    destination.go("RESUMING")
    numbers = random.Random(7)
    left = [CUTS]

    def plan() -> Plan:
        left[0] -= 1
        # Even the last of them comes before the end.
        cut = numbers.randrange(300, size // CUTS)
        return Plan(cut if left[0] >= 0 else None, by_reset=numbers.random() < 0.5)

    with Proxy(agent.address, plan, watches_upload=True) as proxy:
        offset, is_whole = 0, False
        while not is_whole:
            is_whole = send_from(agent, source, destination, proxy.address, offset)
            offset = standing(destination)
        assert proxy.cuts == CUTS
    session = destination.session
    assert (session["phase"], session["offset"]) == ("complete", source.session["offset"])
    # Every byte went through the source once without a digest: hash the whole again.
    digest = hashlib.sha256()
    for piece in pieces(agent, source, 0):
        digest.update(piece)
    assert session["sha256"] == digest.hexdigest()
    image = {"bytes": session["offset"], "sha256": session["sha256"]}
    destination.go("RUNNING", image=image)
    assert destination.checksum == source.checksum


def send_from(
    agent: Agent, source: Device, destination: Device, address: str, offset: int
) -> bool:
    """One connection: PUT at the beginning, PATCH further on; whether the upload came to its end."""
    method = "PATCH" if offset else "PUT"
    lines = [f"Upload-Offset: {offset}", "Upload-Complete: ?1"] if offset else []
    with Wire(address) as wire:
        try:
            wire.ask(method, f"{destination.path}/data", "Transfer-Encoding: chunked", *lines)
            for piece in pieces(agent, source, offset):
                wire.send_chunk(piece)
            wire.send_chunk(b"")
            answer = wire.answer()
        except (Cut, OSError):
            return False
    assert answer.status in (200, 204), answer
    return True


def test_parts(device: Device, image: bytes) -> None:
    """Each goes on where the last one ended; the last one says so."""
    answer = append(device, 0, image[:1000])
    assert answer.status == 204 and not answer.body
    assert (answer["Upload-Offset"], answer["Upload-Complete"]) == ("1000", "?0")
    assert append(device, 1000, b"").status == 204
    assert device.session["phase"] == "active" and standing(device) == 1000
    answer = append(device, 1000, image[1000:], "?1")
    assert (answer["Upload-Offset"], answer["Upload-Complete"]) == (str(len(image)), "?1")
    session = device.session
    assert session["phase"] == "complete"
    assert session["sha256"] == hashlib.sha256(image).hexdigest()
    device.go("RUNNING", image={"bytes": len(image)})


@pytest.mark.parametrize("offset", [0, 500, 999, 1001, 5000])
def test_wrong_place(device: Device, image: bytes, offset: int) -> None:
    """A part that was written, or that comes too early: nothing of it is written."""
    append(device, 0, image[:1000])
    problem = append(device, offset, image[offset:]).problem(409, "offset-mismatch")
    assert problem["expected_offset"] == 1000 == standing(device)
    assert device.upload(image).problem(409, "offset-mismatch")["expected_offset"] == 1000
    assert append(device, 1000, image[1000:], "?1").status == 204
    device.go("RUNNING", image={"bytes": len(image)})


@pytest.mark.parametrize(("headers", "parameter"), [
    ({"Upload-Complete": "?1"}, "Upload-Offset"),
    ({"Upload-Offset": "x", "Upload-Complete": "?1"}, "Upload-Offset"),
    ({"Upload-Offset": "-1", "Upload-Complete": "?1"}, "Upload-Offset"),
    ({"Upload-Offset": "1.0", "Upload-Complete": "?1"}, "Upload-Offset"),
    ({"Upload-Offset": str(1 << 63), "Upload-Complete": "?1"}, "Upload-Offset"),
    ({"Upload-Offset": "0"}, "Upload-Complete"),
    ({"Upload-Offset": "0", "Upload-Complete": "1"}, "Upload-Complete"),
    ({"Upload-Offset": "0", "Upload-Complete": "?2"}, "Upload-Complete"),
    ({"Upload-Offset": "0", "Upload-Complete": "?1", "Upload-Length": "many"}, "Upload-Length"),
])
def test_malformed_fields(device: Device, headers: dict[str, str], parameter: str) -> None:
    """Named, and nothing is written."""
    answer = device.client.ask("PATCH", f"{device.path}/data", b"abc", headers)
    assert answer.problem(400, "invalid-request")["parameter"] == parameter
    assert standing(device) == 0


def test_declared_length(device: Device, image: bytes) -> None:
    """A body must fit it, parts must agree on it, and only all of it is complete."""
    length = str(len(image))
    assert append(device, 0, image[:100], Upload_Length=length).status == 204
    assert device.session["declared_bytes"] == len(image)
    append(device, 100, b"x", Upload_Length="200").problem(400, "invalid-request")
    append(device, 100, image + b"x").problem(400, "invalid-request")
    problem = append(device, 100, image[100:-1], "?1").problem(409, "image-incomplete")
    assert problem["declared_bytes"] == len(image)
    assert problem["recovery"] == ["append", "reset"]
    problem = device.put("RUNNING").problem(409, "image-incomplete")
    assert problem["offset"] == len(image) - 1
    assert append(device, len(image) - 1, image[-1:], "?1").status == 204
    # The declaration is the source's word.
    device.go("RUNNING")


def test_more_than_declared(device: Device, image: bytes) -> None:
    """A chunked body shows it late: no byte beyond is written, and nothing can be committed."""
    with device.open_upload(f"Upload-Length: {len(image) - 1}") as wire:
        wire.send_chunk(image)
        wire.send_chunk(b"")
        wire.answer().problem(409, "image-incomplete")
    assert device.session["phase"] == "failed"
    device.put("RUNNING", accept_unverified=True).problem(409, "image-incomplete")


@pytest.mark.parametrize("state", ["RUNNING", "PRE_COPY", "STOP_COPY", "STOP"])
def test_outside_resuming(attach: Attach, state: str) -> None:
    """409 with the state."""
    device = attach(**PLAN)
    device.go(state)
    assert append(device, 0, b"abc").problem(409, "state-mismatch")["state"] == state


@pytest.mark.parametrize("leave", [Wire.close, Wire.reset])
def test_offset_after_a_cut(
    device: Device, image: bytes, leave: Callable[[Wire], None]
) -> None:
    """HEAD tells at once how far it is, once everything that had arrived is written."""
    wire = device.open_upload()
    wire.send_chunk(image[:MIB // 16])
    eventually(lambda: device.session["offset"] == MIB // 16, "it has arrived")
    leave(wire)
    offset = standing(device)
    assert offset == MIB // 16
    assert append(device, offset, image[offset:], "?1").status == 204
    device.go("RUNNING", image={"bytes": len(image)})
