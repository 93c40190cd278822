"""Images that are short, too long, foreign or cut, and resets in the middle, on real devices."""

from collections.abc import Iterator

import mtty
import pytest
from agent import Agent, eventually
from clients import Client
from devices import Device
from wire import Wire

MAGIC_LENGTH = 8


@pytest.fixture(scope="module")
def attached(agent: Agent) -> tuple[Device, Device, Device]:
    """A source and a destination with two ports, and a device with one."""
    client = Client(agent.address)
    one, two, three = (mtty.attach(client, number) for number in (0, 1, 2))
    return one, two, three


@pytest.fixture
def devices(
    attached: tuple[Device, Device, Device]
) -> Iterator[tuple[Device, Device, Device]]:
    """The same, reset before and after."""
    for device in attached:
        device.reset().ok()
    yield attached
    for device in attached:
        device.reset().ok()
        assert device.state == "RUNNING"


@pytest.fixture
def image(devices: tuple[Device, Device, Device]) -> bytes:
    """The source's image."""
    image = devices[0].image()
    assert len(image) == mtty.image_length(0)
    return image


def refused(device: Device, code: str, **proof: object) -> None:
    """A commit is refused before it reaches the device, and the device stays where it is."""
    device.put("RUNNING", None, **proof).problem(409, code)
    assert device.state == "RESUMING"
    assert mtty.witness(1) in (None, "RESUMING")


@pytest.mark.parametrize("missing", [1, 24, 72, 95])
def test_short_image(
    devices: tuple[Device, Device, Device], image: bytes, missing: int
) -> None:
    """Never committed on the source's word; on nobody's word the driver refuses it."""
    device = devices[1]
    device.go("RESUMING")
    device.upload(image[:-missing]).ok()
    refused(device, "image-unverified")
    refused(device, "image-incomplete", image={"bytes": len(image)})
    problem = device.put("RUNNING", None, accept_unverified=True).problem(422, "image-rejected")
    assert problem["errno"] == "EINVAL"
    assert (problem["state_before"], problem["state_after"]) == ("RESUMING", "RESUMING")
    assert mtty.witness(1) in (None, "RESUMING")
    assert "reset" in problem["recovery"]


def test_overlong_image(devices: tuple[Device, Device, Device], image: bytes) -> None:
    """The driver refuses the write that crosses the end; nothing can be committed after that."""
    device = devices[1]
    device.go("RESUMING")
    problem = device.upload(image + b"x").problem(422, "write-rejected")
    assert (problem["errno"], problem["recovery"]) == ("ENOMEM", ["reset"])
    refused(device, "image-incomplete", image={"bytes": len(image)})
    refused(device, "image-incomplete", accept_unverified=True)
    device.upload(image).problem(409, "session-lost")


@pytest.mark.parametrize("place", [0, MAGIC_LENGTH, 16])
def test_foreign_header(
    devices: tuple[Device, Device, Device], image: bytes, place: int
) -> None:
    """The driver refuses the header and would take later bytes: the refusal is latched."""
    device = devices[1]
    device.go("RESUMING")
    foreign = bytearray(image)
    foreign[place] ^= 0xFF
    device.upload(bytes(foreign)).problem(422, "write-rejected")
    device.upload(image).problem(409, "session-lost")
    refused(device, "image-incomplete", image={"bytes": len(image)})


def test_image_of_another_kind(devices: tuple[Device, Device, Device]) -> None:
    """One port does not fit two."""
    foreign = devices[2].image()
    assert len(foreign) == mtty.image_length(2)
    device = devices[1]
    device.go("RESUMING")
    answer = device.upload(foreign)
    if answer.status == 200:
        problem = device.put("RUNNING", None, image={"bytes": len(foreign)})
        problem.problem(422, "image-rejected")
    else:
        answer.problem(422, "write-rejected")
    assert device.state == "RESUMING"


def test_cut_upload(devices: tuple[Device, Device, Device], image: bytes) -> None:
    """Not committed; the rest is appended, and then it is."""
    device = devices[1]
    device.go("RESUMING")
    with device.open_upload() as wire:
        wire.send_chunk(image[:40])
        eventually(lambda: device.session["offset"] == 40, "it has arrived")
    eventually(lambda: device.put("RUNNING").json.get("offset") == 40, "the cut is seen")
    refused(device, "image-incomplete", image={"bytes": len(image)})
    rest = device.client.ask(
        "PATCH", f"{device.path}/data", image[40:],
        {"Upload-Offset": "40", "Upload-Complete": "?1"})
    assert rest.status == 204
    device.go("RUNNING", image={"bytes": len(image)})


def test_cut_download(devices: tuple[Device, Device, Device], image: bytes) -> None:
    """The stream goes on where the client says, and is the same image."""
    device = devices[0]
    device.go("STOP_COPY")
    with device.open_stream("?max_bytes_per_second=64") as wire:
        wire.head()
        first = wire.chunk()
    eventually(
        lambda: device.download().status == 409 or None, "the cut is seen")
    rest = device.download(f"?offset={len(first)}")
    assert first + rest.body == image
    assert rest.trailers["stream-state"] == "complete"


@pytest.mark.parametrize("state", ["PRE_COPY", "PRE_COPY_P2P", "STOP_COPY", "RESUMING"])
def test_reset_in_mid_session(devices: tuple[Device, Device, Device], state: str) -> None:
    """The session ends as reset, its stream is cut, and the device runs."""
    device = devices[1]
    device.go(state)
    wire: Wire | None = None
    if state in ("PRE_COPY", "PRE_COPY_P2P"):
        wire = device.open_stream()
        wire.head()
        eventually(lambda: device.session["phase"] == "drained", "everything is read")
    report = device.reset().ok()
    assert (report["state"], report["session_ended"]["outcome"]) == ("RUNNING", "reset")
    assert mtty.witness(1) in (None, "RUNNING")
    if wire:
        assert not wire.rest().endswith(b"0\r\n\r\n"), "it ended as if it were whole"
        wire.close()
    device.go("STOP_COPY", "RUNNING")


def test_blocked_arc_reaches_no_kernel(devices: tuple[Device, Device, Device]) -> None:
    """6.12's next-state loop would never end; the device answers everything afterwards."""
    device = devices[0]
    device.go("STOP_COPY")
    for goal in ("PRE_COPY", "PRE_COPY_P2P"):
        problem = device.put(goal).problem(409, "invalid-transition")
        assert (problem["from"], problem["to"]) == ("STOP_COPY", goal)
    assert mtty.witness(0) in (None, "STOP_COPY")
    assert device.go("STOP")["state"] == "STOP"
