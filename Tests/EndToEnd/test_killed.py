"""Simulated devices that outlive their agent: what SIGKILL leaves behind is found again."""

import json
import random
import threading
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from agent import Agent
from clients import Client
from conftest import Start
from devices import FEATURE_SETS, SMALL, Device
from test_serve import refusal

KEPT: dict[str, Any] = {**SMALL, "last_close_resets": False}
# How to come to a state, and what can be done once the session is gone.
WAYS_BACK = {
    "RUNNING": "STOP", "RUNNING_P2P": "RUNNING", "STOP": "RUNNING", "STOP_COPY": "STOP",
    "PRE_COPY": "RUNNING", "PRE_COPY_P2P": "RUNNING_P2P",
}
KILLS = 12


class Killable:
    """An agent with one kept device `sim0`, and its next lives."""

    def __init__(self, start: Start, folder: Path, **plan: Any) -> None:
        self.start = start
        self.arguments = [
            "--simulated-state", str(folder / "devices"),
            "--attach", f"simulated:sim0,{json.dumps({**KEPT, **plan})}"]
        self.begin()

    def begin(self) -> Device:
        """Starts an agent with the arguments of the last one."""
        self.agent: Agent = self.start(*self.arguments).started()
        self.device = Device(Client(self.agent.address), "sim0")
        return self.device

    def kill(self) -> None:
        """SIGKILL."""
        self.agent.discard()

    def restart(self) -> Device:
        """SIGKILL, and another agent."""
        self.kill()
        return self.begin()


@pytest.fixture
def killable(start: Start, tmp_path: Path) -> Killable:
    """An agent and its kept device."""
    return Killable(start, tmp_path)


@pytest.mark.parametrize("state", sorted(WAYS_BACK))
def test_found_in_its_state(killable: Killable, state: str) -> None:
    """In every state; the session is gone, and the device goes on from there."""
    killable.device.go(state)
    device = killable.restart()
    assert device.state == state
    assert "session" not in device.resource
    device.go(WAYS_BACK[state])
    assert killable.restart().state == WAYS_BACK[state]


def test_resuming(killable: Killable) -> None:
    """What had come of an image is gone: only a reset leads out, to the state before."""
    device = killable.device
    before, image = device.checksum, device.image()
    device.go("RESUMING")
    wire = device.open_upload().send_chunk(image[:1000])
    while device.session["offset"] < 1000:
        time.sleep(0.01)
    device = killable.restart()
    wire.close()
    assert device.status["reachable_states"] == []
    assert device.put("STOP", accept_unverified=True).status == 409
    assert device.state == "RESUMING"
    device.reset().ok()
    assert (device.state, device.checksum) == ("RUNNING", before)


def test_error(start: Start, tmp_path: Path) -> None:
    """It stays in ERROR, and a fault that has happened does not happen again."""
    killable = Killable(
        start, tmp_path, faults=[{"on": "arc", "nth": 1, "action": "error-state"}])
    assert killable.device.put("STOP").status == 500
    device = killable.restart()
    assert device.state == "ERROR"
    device.reset().ok()
    device.go("STOP")


def load(start: Start, device: Device) -> str:
    """Gives it a state that a reset does not bring back, and leaves it in STOP; its checksum."""
    agent = start("--attach", f"simulated:donor,{json.dumps({**SMALL, 'seed': 99})}").started()
    donor = Device(Client(agent.address), "donor")
    image = donor.image()
    device.go("RESUMING")
    device.upload(image).ok()
    device.go("STOP", image={"bytes": len(image)})
    assert device.checksum == donor.checksum
    return donor.checksum


def test_committed_image(killable: Killable, start: Start) -> None:
    """What was loaded is there after the kill, until a reset."""
    blank = killable.device.checksum
    loaded = load(start, killable.device)
    assert loaded != blank
    device = killable.restart()
    assert (device.state, device.checksum) == ("STOP", loaded)
    assert len(device.image()) == SMALL["initial_bytes"] + SMALL["stop_copy_bytes"]
    device.reset().ok()
    assert killable.restart().checksum == blank


def test_goes_on_while_it_runs(start: Start, tmp_path: Path) -> None:
    """A running device is dirtied while no agent is there; a stopped one is not."""
    killable = Killable(start, tmp_path, dirty_bytes_per_second=1 << 30)
    killable.device.go("STOP")
    stopped = killable.device.checksum
    assert killable.restart().checksum == stopped
    killable.device.go("RUNNING")
    killable.restart().go("STOP")
    assert killable.device.checksum != stopped


@pytest.mark.parametrize("features", FEATURE_SETS, ids="+".join)
def test_killed_at_any_moment(start: Start, tmp_path: Path, features: list[str]) -> None:
    """Killed amid transitions it is found in one of the states on the way, whole."""
    killable = Killable(start, tmp_path, features=features, arc_latency_us=300)
    chance = random.Random(len(features))
    # Not what a new device would have.
    checksum = load(start, killable.device)
    for _ in range(KILLS):
        walker = threading.Thread(target=walk, args=(killable.device,))
        walker.start()
        time.sleep(chance.uniform(0.005, 0.08))
        killable.kill()
        walker.join()
        device = killable.begin()
        assert device.state in ("RUNNING", "RUNNING_P2P", "STOP", "STOP_COPY")
        device.go("STOP")
        assert device.checksum == checksum


def walk(device: Device) -> None:
    """Goes to and fro until the agent is gone."""
    try:
        while True:
            device.go("STOP_COPY", "RUNNING")
    except (OSError, HTTPException):
        return


def test_attached_by_a_client(start: Start, tmp_path: Path) -> None:
    """The same for devices that a client attaches: by id and plan, and by no other."""
    arguments = ("--simulated-state", str(tmp_path / "devices"))
    body = {"id": "mine", "source": {"simulated": KEPT}}

    def attach(agent: Agent, **plan: Any) -> Device:
        client = Client(agent.address)
        client.post("/v1/devices", {"id": "mine", "source": {"simulated": {**KEPT, **plan}}}).ok(201)
        return Device(client, "mine")

    first = start(*arguments).started()
    attach(first).go("STOP")
    first.discard()
    second = start(*arguments).started()
    assert Client(second.address).get("/v1/devices/mine").status == 404
    device = attach(second)
    assert device.state == "STOP"
    device.detach()
    assert attach(second, **{"seed": 5}).state == "RUNNING"
    second.discard()
    third = start(*arguments).started()
    Client(third.address).post("/v1/devices", body).ok(201)
    assert Device(Client(third.address), "mine").state == "RUNNING"


def test_without_the_option(start: Start) -> None:
    """Then nothing outlives the agent."""
    attach = ("--attach", f"simulated:sim0,{json.dumps(KEPT)}")
    first = start(*attach).started()
    Device(Client(first.address), "sim0").go("STOP")
    first.discard()
    second = start(*attach).started()
    assert Device(Client(second.address), "sim0").state == "RUNNING"


def test_plans_on_the_command_line(start: Start) -> None:
    """Ids and plans are those that were asked for, beside the ones that are counted."""
    plan = {**KEPT, "features": ["STOP_COPY"], "seed": 7}
    agent = start("--simulate", "2", "--attach", f"simulated:sim1,{json.dumps(plan)}").started()
    client = Client(agent.address)
    items = client.get("/v1/devices").ok()["items"]
    assert [item["id"] for item in items] == ["sim0", "sim1", "sim2"]
    source = Device(client, "sim1").resource["source"]["simulated"]
    assert {**source, **plan} == source


def test_one_agent_at_a_time(killable: Killable, start: Start, tmp_path: Path) -> None:
    """Another one does not start on the devices of one that lives."""
    other = start("--simulated-state", str(tmp_path / "devices"))
    assert "Another agent" in refusal(other)
    assert killable.device.state == "RUNNING"


def test_no_such_place(start: Start, tmp_path: Path) -> None:
    """Nor where no directory can be."""
    (tmp_path / "file").write_text("")
    assert "ENOTDIR" in refusal(start("--simulated-state", str(tmp_path / "file" / "devices")))
