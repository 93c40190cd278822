"""Opening and losing real devices."""

import contextlib
import itertools
import os
import resource
import signal
from collections.abc import Callable

import mtty
import pytest
from agent import Agent, eventually
from clients import Client
from devices import Device

Start = Callable[..., Agent]


def option(number: int) -> str:
    """The device with this number, as --attach takes it."""
    source = mtty.source(number)
    if "cdev" in source:
        return f"cdev:{source['cdev']['path']}"
    return f"group:{source['group']['group']},{source['group']['device']}"


def test_the_lab_itself() -> None:
    """The newest kernel has cdevs and a witness: without them half of these tests would be silent."""
    assert mtty.TIER in ("stock", "newest")
    assert bool(mtty.CDEVS) == bool(mtty.DEBUGFS) == (mtty.TIER == "newest")
    assert (mtty.witness(0) is not None) == (mtty.TIER == "newest")


def test_attached_at_the_start(start: Start) -> None:
    """By the command line, under the name that the host has for it."""
    agent = start("--attach", option(0)).started()
    device = Client(agent.address).get(f"/v1/devices/{mtty.MDEVS[0]}").ok()
    assert (device["backend"], device["state"]) == ("kernel", "RUNNING")
    assert device["identity"]["mdev_type"] == f"{mtty.DRIVER}-2"
    assert agent.end() == 0


def test_twice(start: Start) -> None:
    """Here under another name, or in another process: it is in use."""
    first, second = start().started(), start().started()
    client = Client(first.address)
    mtty.attach(client, 0)
    for other in (client, Client(second.address)):
        body = {"id": "again", "source": mtty.source(0)}
        other.post("/v1/devices", body).problem(409, "device-in-use")
        other.get("/v1/devices/again").problem(404, "not-found")
    Device(client, "mtty0").detach().ok(204)
    mtty.attach(Client(second.address), 0)


@pytest.mark.parametrize("source", [
    {"cdev": {"path": "/dev/vfio/devices/vfio9999"}},
    {"group": {"group": 9999, "device": "0f3e2f2a-0000-4000-8000-00000000ffff"}},
])
def test_not_there(start: Start, source: dict[str, object]) -> None:
    """With the errno, and nothing is left open."""
    agent = start().started()
    before = agent.descriptors
    problem = Client(agent.address).post("/v1/devices", {"source": source})
    assert problem.problem(422, "attach-failed")["errno"] == "ENOENT"
    eventually(lambda: agent.descriptors <= before, "everything is closed again")


def test_killed_and_attached_again(start: Start) -> None:
    """mtty keeps its state over a close: the session is gone, and the device goes back."""
    agent = start().started()
    device = mtty.attach(Client(agent.address), 0)
    device.go("PRE_COPY")
    agent.process.send_signal(signal.SIGKILL)
    agent.process.wait()
    client = Client(start().started().address)
    device = mtty.attach(client, 0)
    assert device.state in ("PRE_COPY", "RUNNING")
    if device.state == "PRE_COPY":
        device.download().problem(409, "session-lost")
        device.go("RUNNING")
    image = device.image()
    assert len(image) == mtty.image_length(0)
    device.reset().ok()


def test_ended_in_mid_session(start: Start) -> None:
    """SIGTERM moves no device: it is found in the state that it was left in."""
    agent = start().started()
    device = mtty.attach(Client(agent.address), 0)
    session = device.go("STOP", "STOP_COPY")["session"]
    assert agent.end() == 0
    assert f"mtty0 stays in STOP_COPY; its session {session['id']}" in agent.log
    assert mtty.witness(0) in (None, "STOP_COPY")
    device = mtty.attach(Client(start().started().address), 0)
    assert device.state == "STOP_COPY"
    assert "session" not in device.resource
    device.go("RUNNING")


def test_no_descriptor_left_for_the_session(start: Start) -> None:
    """EMFILE: the state has changed all the same, and the agent says so."""
    agent = start().started()
    device = mtty.attach(Client(agent.address), 0)
    device.go("STOP")
    eventually(lambda: _connections(agent) == 0, "no connection is left")
    _limit_files(agent.process.pid, _room_for_one(agent))
    problem = device.put("STOP_COPY").problem(500, "device-failed")
    _limit_files(agent.process.pid, 4096)
    assert problem["errno"] == "EMFILE"
    assert problem["state_after"] == "STOP_COPY" == device.state
    assert mtty.witness(0) in (None, "STOP_COPY")
    assert "session" not in device.resource
    device.download().problem(409, "session-lost")
    device.go("RUNNING")


def _files(agent: Agent) -> dict[int, str]:
    """The descriptors that the agent has, and what is behind them."""
    folder = f"/proc/{agent.process.pid}/fd"
    files = {}
    for name in os.listdir(folder):
        # One that is closed in the meantime is none.
        with contextlib.suppress(FileNotFoundError):
            files[int(name)] = os.readlink(f"{folder}/{name}")
    return files


def _connections(agent: Agent) -> int:
    """How many connections it has; one socket is the one that it listens on."""
    return sum(target.startswith("socket:") for target in _files(agent).values()) - 1


def _room_for_one(agent: Agent) -> int:
    """The limit that leaves it one descriptor: for the connection, and none for the data fd."""
    free = (number for number in itertools.count() if number not in _files(agent))
    next(free)
    return next(free)


def _limit_files(process: int, count: int) -> None:
    """Sets how many descriptors a process may have."""
    _, hard = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (count, hard))
