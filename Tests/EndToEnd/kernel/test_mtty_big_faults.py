"""What goes wrong with a real device: the faults of the driver mtty_big, by its parameters."""

from collections.abc import Iterator

import mtty
import mtty_big
import pytest
from agent import Agent, eventually
from clients import Client
from devices import Device
from migrate import migrate

Pair = tuple[Device, Device]


@pytest.fixture(scope="module")
def attached(agent: Agent) -> Pair:
    """A source and a destination."""
    client = Client(agent.address)
    return mtty.attach(client, 0), mtty.attach(client, 1)


@pytest.fixture
def pair(attached: Pair) -> Iterator[Pair]:
    """The same, reset before and after."""
    for device in attached:
        device.reset().ok()
    yield attached
    for device in attached:
        device.reset().ok()


def checksum(number: int) -> str:
    """What a device holds."""
    return mtty_big.content(mtty.MDEVS[number]).checksum


def info(device: Device) -> dict[str, int]:
    """PRECOPY_INFO as it is now."""
    left: dict[str, int] = device.client.get(f"{device.path}/precopy-info?max_age_ms=100").ok()
    return left


def more(left: dict[str, int]) -> dict[str, int] | None:
    """What there is to read, if there is anything."""
    return left if left["initial_bytes"] or left["dirty_bytes"] else None


def test_busy(pair: Pair) -> None:
    """EBUSY: it stays before the arc with its session, and is asked again."""
    source, destination = pair
    session = source.go("PRE_COPY")["session"]["id"]
    first = source.download("?limit=1000").body
    with mtty_big.changed(busy=1):
        problem = source.put("STOP_COPY").problem(409, "device-busy")
        assert mtty_big.parameter("busy") == 0
    assert problem["errno"] == "EBUSY"
    assert problem["state_after"] == "PRE_COPY_P2P" == source.state
    assert mtty.witness(0) in (None, "PRE_COPY_P2P")
    assert source.session["id"] == session
    source.go("PRE_COPY", "STOP_COPY")
    image = first + source.download("?offset=1000").body
    destination.go("RESUMING")
    destination.upload(image).ok()
    destination.go("RUNNING", image={"bytes": len(image)})
    assert checksum(0) == checksum(1)


def test_error_on_read(pair: Pair) -> None:
    """In the middle of a stream: the body is cut, the device is in ERROR, only a reset helps."""
    source = pair[0]
    before = checksum(0)
    source.go("PRE_COPY")
    with mtty_big.changed(error_on_read=1), source.open_stream() as wire:
        wire.head()
        assert not wire.rest().endswith(b"0\r\n\r\n"), "it ended as if it were whole"
    eventually(lambda: source.state == "ERROR", "the error is seen")
    assert mtty.witness(0) in (None, "ERROR")
    assert source.session["last_error"]["errno"] == "EIO"
    source.put("RUNNING").problem(409, "invalid-transition")
    source.reset().ok()
    assert (source.state, checksum(0)) == ("RUNNING", before)


def test_error_by_itself(pair: Pair) -> None:
    """Nobody has asked it for anything: the stream that waits for more is cut."""
    source = pair[0]
    with mtty_big.changed(error_after_ms=300):
        source.go("PRE_COPY")
        with source.open_stream() as wire:
            wire.head()
            assert not wire.rest().endswith(b"0\r\n\r\n"), "it ended as if it were whole"
    eventually(lambda: source.state == "ERROR", "the error is seen")
    source.reset().ok()
    assert source.state == "RUNNING"


def test_error_on_write(pair: Pair) -> None:
    """At the destination: the write fails, and the source runs on with what it had."""
    source, destination = pair
    image = source.image()
    destination.go("RESUMING")
    with mtty_big.changed(error_on_write=1):
        problem = destination.upload(image).problem(409, "state-mismatch")
    assert problem["state"] == "ERROR" == destination.state
    assert problem["session"]["last_error"]["errno"] == "EIO"
    destination.reset().ok()
    before = checksum(0)
    source.go("RUNNING")
    assert checksum(0) == before
    migrate(source, destination)
    assert checksum(1) == before


def test_refused_image(pair: Pair) -> None:
    """The driver's no to a whole image: it stays in RESUMING, and a reset makes it ready again."""
    source, destination = pair
    image = source.image()
    destination.go("RESUMING")
    destination.upload(image).ok()
    with mtty_big.changed(refuse=1):
        problem = destination.put("STOP", image={"bytes": len(image)}).problem(422, "image-rejected")
    assert (problem["errno"], problem["state_after"]) == ("EINVAL", "RESUMING")
    destination.reset().ok()
    source.go("RUNNING")
    migrate(source, destination)
    assert checksum(0) == checksum(1)


def test_changed_image(pair: Pair) -> None:
    """The device knows by its own checksum that a bit was flipped on the way."""
    source, destination = pair
    image = bytearray(source.image())
    image[len(image) // 2] ^= 1
    destination.go("RESUMING")
    destination.upload(bytes(image)).ok()
    destination.put("STOP", accept_unverified=True).problem(422, "image-rejected")
    assert destination.state == "RESUMING"


def test_new_initial_data(pair: Pair) -> None:
    """REINIT, said once; a kernel that cannot say it has that much dirty data."""
    source = pair[0]
    source.go("PRE_COPY")
    whole = info(source)["initial_bytes"] - mtty.HEADER_LENGTH
    source.download("?until=drained")
    eventually(lambda: not more(info(source)), "everything is read")
    with mtty_big.changed(reinit_after_ms=1):
        seen = eventually(lambda: more(info(source)), "there is more to read")
    if source.resource["precopy_info_version"] == 2:
        assert (seen["initial_bytes"], seen["dirty_bytes"], seen["reinit"]) == (whole, 0, True)
        assert eventually(lambda: not info(source)["reinit"], "it is said once")
    else:
        assert (seen["initial_bytes"], seen["dirty_bytes"]) == (0, whole)
    assert len(source.download("?until=drained").body) == whole
    eventually(lambda: not more(info(source)), "everything is read again")


@pytest.mark.parametrize("close_resets", [0, 1])
def test_last_close(agent: Agent, close_resets: int) -> None:
    """A sample driver's device keeps its state; that of a PCI function is reset."""
    client = Client(agent.address)
    device = mtty.attach(client, 2)
    before = checksum(2)
    with mtty_big.changed(dirty_mb_s=4):
        eventually(lambda: checksum(2) != before, "it is written to")
    device.go("STOP")
    written = checksum(2)
    with mtty_big.changed(close_resets=close_resets):
        device.detach().ok(204)
    device = mtty.attach(client, 2)
    assert device.state == ("RUNNING" if close_resets else "STOP")
    assert checksum(2) == (before if close_resets else written)
    device.reset().ok()
    device.detach().ok(204)
