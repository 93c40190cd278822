"""Two machines with a kernel, devices and an agent each: a device's state goes over the network."""

from collections.abc import Iterator
from pathlib import Path

import mtty
import mtty_big
import pytest
from agent import MIB, Agent, eventually
from clients import Client
from devices import Device
from handover import begin, check_order, end_of, hand_over, stopped_us, until
from migrate import migrate
from peer import Peer, cut_off
from relay import REST_US, Relay
from witness import Witness, check_count

IMAGE_MIB = 16
# As long as what the count may stand still beyond a downtime: none that lacks an arc is confirmed.
ARC_MS = REST_US // 1000


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


@pytest.fixture
def relay(
    agent: Agent, peer: Peer, attached: tuple[Device, Device], tmp_path: Path
) -> Iterator[Relay]:
    """A count here that can go on there; the devices are large and slow, and change by themselves, too."""
    parameters = {"image_kb": IMAGE_MIB * 1024, "arc_ms": ARC_MS}
    peer.change(**parameters)
    with mtty_big.changed(dirty_mb_s=2, **parameters):
        for device in attached:
            device.reset().ok()
        with (
            Witness(agent.process.pid, 0, tmp_path / "witness") as source,
            peer.watching(0) as destination,
        ):
            yield Relay(source, destination, peer.clock_difference)


def check_content(peer: Peer) -> None:
    """Both devices hold the same, which is not what they were made with."""
    content = mtty_big.content(mtty.MDEVS[0])
    assert content.length == IMAGE_MIB * MIB and content.writes > 0
    assert (content.length, content.writes, content.checksum) == peer.content(0)


def test_by_hand(peer: Peer, attached: tuple[Device, Device], relay: Relay) -> None:
    """By the device API: nothing is lost, nobody runs twice."""
    moved = migrate(*attached, before_stop=relay.stop, has_run=relay.go_on)
    relay.check(moved.stopped_us)
    assert moved.bytes > IMAGE_MIB * MIB
    check_content(peer)


def test_one_call(peer: Peer, attached: tuple[Device, Device], relay: Relay) -> None:
    """By the migration service: the same, and it knows how long the devices stood still."""
    migration = hand_over(
        [attached], relay.stop, relay.go_on, downtime_limit_ms=60_000, source_after="stop")
    relay.check(stopped_us(migration))
    check_order(migration)
    check_content(peer)


def test_cut_off(attached: tuple[Device, Device], relay: Relay) -> None:
    """The network is lost in the middle of a copy: the count goes on here, the destination is free again."""
    source, destination = attached
    path = begin([attached], max_bytes_per_second=MIB)
    until(source.client, path, lambda migration: migration["devices"][0]["progress"]["bytes"] > MIB)
    with cut_off():
        migration = end_of(source.client, path)
        assert migration["phase"] == "failed" and migration["failure"]["code"] == "peer-unreachable"
        check_count(relay.source.finish())
        assert source.state == "RUNNING"
    eventually(lambda: "claimed_by" not in destination.resource, "the destination is free")
    assert destination.state == "RUNNING"
