"""Images of hundreds of megabytes, written to while they are copied, on devices of the driver mtty_big."""

from collections.abc import Iterator

import mtty
import mtty_big
import pytest
from agent import MIB, Agent, eventually
from clients import Client
from devices import Device
from migrate import migrate

LARGE_MIB = 256
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
    mtty_big.change(dirty_mb_s=0)
    for device in attached:
        device.reset().ok()


def content(number: int) -> mtty_big.Content:
    """What a device holds."""
    return mtty_big.content(mtty.MDEVS[number])


def stop_writing() -> None:
    """The guest has stopped: nothing is written any more."""
    mtty_big.change(dirty_mb_s=0)


def check_moved(writes_at_least: int = 0) -> None:
    """The destination holds what the source held when it stopped."""
    source, destination = content(0), content(1)
    assert source.writes >= writes_at_least
    assert (source.length, source.writes, source.checksum) == (
        destination.length, destination.writes, destination.checksum)


def test_model(pair: Pair) -> None:
    """The driver's contents are those of a model that knows the seed and the number of writes."""
    for number in mtty.TWO_PORTS:
        model = mtty_big.Model(number + 1, content(number).length, mtty_big.parameter("seed"))
        assert content(number).checksum == model.checksum
    with mtty_big.changed(dirty_mb_s=1):
        migrate(*pair, before_run=stop_writing)
    check_moved(writes_at_least=1)
    model = mtty_big.Model(1, content(1).length, mtty_big.parameter("seed"))
    model.write(content(1).writes)
    assert content(1).checksum == model.checksum


@pytest.mark.parametrize("enomsg", [0, 1])
@pytest.mark.parametrize("poll", [0, 1])
def test_temporary_ends(pair: Pair, enomsg: int, poll: int) -> None:
    """As 0 or as ENOMSG, with poll or without: waited out, and gone on from where it was."""
    source, destination = pair
    with mtty_big.changed(enomsg=enomsg, poll=poll):
        source.go("PRE_COPY")
        first = source.download("?until=drained")
        assert first.trailers["stream-state"] == "drained"
        assert source.session["phase"] == "drained"
        with mtty_big.changed(dirty_mb_s=4):
            eventually(lambda: content(0).writes > 8, "the device is written to")
        assert source.client.get(f"{source.path}/precopy-info?max_age_ms=100").ok()["dirty_bytes"]
        second = source.download("?until=drained")
        assert len(second.body) % mtty_big.BLOCK_RECORD == 0 and second.body
        source.go("STOP_COPY")
        image = first.body + second.body + source.download().body
    destination.go("RESUMING")
    destination.upload(image).ok()
    destination.go("RUNNING", image={"bytes": len(image)})
    check_moved(writes_at_least=8)


@pytest.mark.parametrize("poll", [0, 1])
def test_poll(agent: Agent, pair: Pair, poll: int) -> None:
    """With it a data fd that has nothing is not ready; as with most drivers it always is, without."""
    with mtty_big.changed(poll=poll):
        pair[0].go("PRE_COPY")
        pair[0].download("?until=drained")
        with mtty.DataFile(agent) as file:
            assert file.is_readable() is (poll == 0)
            mtty_big.change(dirty_mb_s=4)
            eventually(file.is_readable, "there is something to read")


def test_precopy_info(pair: Pair) -> None:
    """initial_bytes starts at what there is and falls; dirty_bytes starts at 0, grows and falls."""
    source = pair[0]
    source.go("PRE_COPY")

    def info() -> tuple[int, int]:
        left = source.client.get(f"{source.path}/precopy-info?max_age_ms=100").ok()
        return left["initial_bytes"], left["dirty_bytes"]

    whole = mtty.HEADER_LENGTH + mtty_big.stream_length() - mtty_big.END_RECORD
    assert info() == (whole, 0)
    source.download("?until=drained")
    eventually(lambda: info() == (0, 0), "all of it is read")
    with mtty_big.changed(dirty_mb_s=4):
        eventually(lambda: info()[1] > 0, "it is written to")
    assert info()[0] == 0
    assert source.resource["stop_copy_length"] >= info()[1]


def test_large_image(pair: Pair) -> None:
    """Hundreds of megabytes go over while they are written to, and arrive as they were."""
    with mtty_big.changed(image_kb=LARGE_MIB * 1024):
        for device in pair:
            device.reset().ok()
        with mtty_big.changed(dirty_mb_s=4):
            moved = migrate(*pair, before_run=stop_writing)
        assert content(1).length == LARGE_MIB * MIB < moved.bytes
        check_moved(writes_at_least=100)
    for device in pair:
        device.reset().ok()
    assert content(0).length < MIB, "room is given back"
