"""Somebody uses the device before and after a migration, as a guest does, and notices nothing of it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import mtty
import mtty_big
import pytest
from agent import Agent
from clients import Client
from devices import Device
from migrate import migrate
from relay import Relay
from witness import Witness

Pair = tuple[Device, Device]
ARC_MS = 100


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


@pytest.fixture
def witnesses(agent: Agent, pair: Pair, tmp_path: Path) -> Iterator[tuple[Witness, Witness]]:
    """One at each device of the pair, which do nothing yet."""
    with (
        Witness(agent.process.pid, 0, tmp_path / "source") as source,
        Witness(agent.process.pid, 1, tmp_path / "destination") as destination,
    ):
        yield source, destination


def test_count_goes_on(pair: Pair, witnesses: tuple[Witness, Witness]) -> None:
    """No gap and no repetition, and nobody could count for just as long as the devices were stopped."""
    relay = Relay(*witnesses)
    with slow_arcs():
        moved = migrate(*pair, before_stop=relay.stop, has_run=relay.go_on)
    relay.check(moved.stopped_us)
    if mtty.DRIVER == mtty_big.NAME:
        # STOP_COPY, STOP, RUNNING_P2P, RUNNING.
        assert moved.stopped_us > 4 * ARC_MS * 1000


def test_other_hands(agent: Agent, witnesses: tuple[Witness, Witness]) -> None:
    """A value that is not its own: the witness would see a lost one, too."""
    witness = witnesses[0]
    witness.go()
    witness.count_on()
    last = witness.stop()
    with mtty.Registers(agent, 0) as registers:
        registers.write((last + 7) % 256)
    witness.go(last)
    with pytest.raises(AssertionError, match="found"):
        witness.stop()


def slow_arcs() -> contextlib.AbstractContextManager[None]:
    """Arcs that take a while, where the driver can be told."""
    if mtty.DRIVER == mtty_big.NAME:
        return mtty_big.changed(arc_ms=ARC_MS)
    return contextlib.nullcontext()
