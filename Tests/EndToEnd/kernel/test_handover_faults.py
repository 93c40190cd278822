"""A real driver misbehaves under a migration: the image runs on one side, whatever happens."""

import json
from collections.abc import Iterator

import mtty
import mtty_big
import pytest
from agent import Agent, eventually
from clients import Client
from devices import Device
from handover import LONG_MS, end_of

# What the driver does, and how the migration ends.
FAULTS = {
    "a temporary end is 0": ({"enomsg": 0}, "completed"),
    "it has poll": ({"poll": 1}, "completed"),
    "REINIT": ({"reinit_after_ms": 300}, "completed"),
    "it declines to stop": ({"busy": 1}, "completed"),
    "a write fails": ({"error_on_write": 2}, "completed"),
    "a read fails": ({"error_on_read": 2}, "failed"),
    "ERROR by itself": ({"error_after_ms": 200}, "failed"),
    "it refuses the image": ({"refuse": 1}, "failed"),
}


@pytest.fixture(scope="module")
def devices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Device, Device]]:
    """A device at each of two agents."""
    folder = tmp_path_factory.mktemp("agents")
    agents = [Agent(folder / "source").started(), Agent(folder / "destination").started()]
    here, there = (Client(agent.address) for agent in agents)
    yield mtty.attach(here, 0), mtty.attach(there, 1)
    assert [agent.end() for agent in agents] == [0, 0]


def checksum(number: int) -> str:
    """What a device holds."""
    return mtty_big.content(mtty.MDEVS[number]).checksum


@pytest.mark.parametrize("name", FAULTS)
def test_fault(devices: tuple[Device, Device], name: str) -> None:
    """Completed with the same content, or given up with the source as it was."""
    parameters, end = FAULTS[name]
    source, destination = devices
    client, path = source.client, f"/v1/migrations/{list(FAULTS).index(name)}"
    with mtty_big.changed(**{**dict.fromkeys(parameters, 0), "enomsg": 1, "image_kb": 1024}):
        for device in devices:
            device.reset().ok()
        before = checksum(0)
        mtty_big.change(**parameters)
        client.post("/v1/migrations", {
            "id": path.rpartition("/")[2], "allow_sole_holder": True, "max_downtime_ms": LONG_MS,
            "devices": [{"source": source.id, "destination": destination.id}],
            "destination": {"url": f"http://{destination.client.address}"},
            "source_after": "stop",
        }).ok(202)
        migration = end_of(client, path)
    assert migration["phase"] == end, json.dumps(migration)
    eventually(lambda: "claimed_by" not in destination.resource, "the destination is free")
    if end == "completed":
        assert (source.state, destination.state, checksum(1)) == ("STOP", "RUNNING", before)
        assert mtty.witness(0) in (None, "STOP") and mtty.witness(1) in (None, "RUNNING")
    else:
        lost = "error" in next(iter(parameters))
        assert source.state == ("ERROR" if lost else "RUNNING"), migration
        assert destination.state == "RUNNING" and migration["failure"]["code"]
        assert checksum(0) == before
