"""Two machines with a kernel, devices and an agent each: a device's state goes over the network."""

from collections.abc import Iterator
from pathlib import Path

import mtty
import mtty_big
import pytest
from agent import MIB, Agent
from clients import Client
from devices import Device
from migrate import migrate
from peer import Peer
from witness import Witness, check_count

IMAGE_MIB = 16
ARC_MS = 100
# Beyond the arcs: the bytes, the digests, and a dozen requests under software emulation.
REST_US = 20_000_000


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    """The other guest; its agent has to survive all of this, and to end well."""
    peer = Peer()
    yield peer
    assert peer.end() == 0


@pytest.fixture(scope="module")
def attached(agent: Agent, peer: Peer) -> tuple[Device, Device]:
    """A device here, and the one with the same number there."""
    return mtty.attach(Client(agent.address), 0), mtty.attach(peer.agent, 0)


def test_migration(
    agent: Agent, peer: Peer, attached: tuple[Device, Device], tmp_path: Path
) -> None:
    """Written to while it is copied, used before and after: nothing is lost, nobody runs twice."""
    source, destination = attached
    parameters = {"image_kb": IMAGE_MIB * 1024, "arc_ms": ARC_MS}
    mtty_big.change(**parameters)
    peer.change(**parameters)
    for device in attached:
        device.reset().ok()
    difference, uncertainty = peer.clock_difference()
    last: list[int] = []
    peer.watch(0)
    with Witness(agent.process.pid, 0, tmp_path / "witness") as witness:
        witness.go()
        witness.count_on()
        mtty_big.change(dirty_mb_s=2)

        def stop() -> None:
            witness.count_on()
            last.append(witness.stop())

        moved = migrate(source, destination, before_stop=stop, has_run=lambda: peer.go(*last))
        here = witness.steps
    there = peer.stop()

    check_count(here, there)
    assert here[-1].value == last[0]
    downtime_us = (there[0].at - difference - here[-1].at) // 1000
    assert moved.stopped_us - uncertainty // 1000 < downtime_us < moved.stopped_us + REST_US
    content = mtty_big.content(mtty.MDEVS[0])
    assert content.length == IMAGE_MIB * MIB < moved.bytes and content.writes > 0
    assert (content.length, content.writes, content.checksum) == peer.content(0)
