"""One call moves real devices from agent to agent; who uses one meanwhile notices nothing of it."""

from collections.abc import Iterator
from pathlib import Path

import mtty
import mtty_big
import pytest
from agent import Agent
from clients import Client
from devices import Device
from handover import check_order, hand_over, stopped_us
from relay import Relay
from witness import Witness


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Agent, Agent]]:
    """The two sides, on one kernel."""
    folder = tmp_path_factory.mktemp("agents")
    pair = (Agent(folder / "source"), Agent(folder / "destination"))
    try:
        yield (pair[0].started(), pair[1].started())
        assert [agent.end() for agent in pair] == [0, 0]
    finally:
        for agent in pair:
            agent.discard()


@pytest.fixture(scope="module")
def devices(agents: tuple[Agent, Agent]) -> tuple[Device, Device]:
    """A device at each."""
    here, there = (Client(agent.address) for agent in agents)
    return mtty.attach(here, 0), mtty.attach(there, 1)


def test_count_goes_on(
    agents: tuple[Agent, Agent], devices: tuple[Device, Device], tmp_path: Path
) -> None:
    """No gap, no repetition; and by the witness' own clock it stood still as long as is reported."""
    for device in devices:
        device.reset().ok()
    with (
        Witness(agents[0].process.pid, 0, tmp_path / "source") as source,
        Witness(agents[1].process.pid, 1, tmp_path / "destination") as destination,
    ):
        relay = Relay(source, destination)
        migration = hand_over([devices], relay.stop, relay.go_on)
        relay.check(stopped_us(migration))
    check_order(migration)
    # The source was wiped, and nobody has it.
    assert devices[0].state == devices[1].state == "RUNNING"
    assert "claimed_by" not in devices[0].resource


def test_back_again(devices: tuple[Device, Device]) -> None:
    """What was taken in can be moved on, however large and busy it is."""
    if mtty.DRIVER == mtty_big.NAME:
        with mtty_big.changed(image_kb=8192, dirty_mb_s=1):
            check_order(hand_over([(devices[1], devices[0])], downtime_limit_ms=60_000))
    else:
        check_order(hand_over([(devices[1], devices[0])]))
