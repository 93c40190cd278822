"""Much at once, and for long: what it costs, what is lost, and what is left of it afterwards."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from agent import GIB, KIB, MEMORY_ALLOWANCE, MIB, Agent, eventually, scaled
from clients import Client
from conftest import Attach, Start
from devices import Device
from wire import Wire

OpenWire = Callable[[], Wire]
# How far the agent's memory may grow, whatever its clients do.
MOST_GROWN = 16 * MIB * MEMORY_ALLOWANCE
MANY = 64
# More than all the buffers between the device and a client take.
LONG: dict[str, Any] = {"initial_bytes": 64 * MIB, "stop_copy_bytes": MIB}


class Memory:
    """The memory of an agent, looked at now and again."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.before = agent.resident

    def look(self, window: int = 0) -> None:
        """Fails if it has grown too far, beyond the replay window that a stream may keep."""
        now = self.agent.resident
        assert now - self.before < MOST_GROWN + window, f"{self.before} bytes grew to {now}"


@pytest.fixture(scope="module")
def at_rest(agent: Agent) -> tuple[int, int]:
    """The descriptors and threads of an agent that nobody has talked to yet."""
    return agent.descriptors, agent.threads


@pytest.fixture(autouse=True)
def leaks_nothing(agent: Agent, at_rest: tuple[int, int]) -> Iterator[None]:
    """After every test they are all back, and no more than they were."""
    yield
    eventually(
        lambda: (agent.descriptors, agent.threads) == at_rest, "descriptors and threads are back")


def is_answered(client: Client) -> bool:
    """Whether the next request, on a connection of its own, gets what it asks for."""
    try:
        return client.get("/v1").status == 200
    except ConnectionError:
        return False


# Memory

@pytest.mark.parametrize("window", [0, 8 * MIB, None], ids=["none", "small", "default"])
def test_download_takes_no_memory(agent: Agent, attach: Attach, window: int | None) -> None:
    """A gigabyte goes out through the agent, and no more than the replay window stays."""
    size = scaled(GIB)
    device = attach(window=window, initial_bytes=size)
    kept = int(device.resource["replay_window_bytes"])
    device.go("STOP_COPY")
    memory, seen = Memory(agent), 0
    with device.open_stream() as wire:
        answer = wire.head()
        while piece := wire.chunk(answer):
            seen += len(piece)
            memory.look(kept)
    assert answer.trailers["stream-state"] == "complete"
    assert seen == device.session["offset"] > size
    device.go("STOP")
    memory.look()


def test_upload_takes_no_memory(agent: Agent, attach: Attach, start: Start) -> None:
    """A gigabyte comes in through the agent, from another one."""
    size = scaled(GIB)
    other = start("--simulate", "0").started()
    body = {"id": "source", "source": {"simulated": {"initial_bytes": size, "seed": 7}}}
    Client(other.address).post("/v1/devices", body).ok(201)
    source, destination = Device(Client(other.address), "source"), attach()
    source.go("STOP_COPY")
    destination.go("RESUMING")
    memory, seen = Memory(agent), 0
    with source.open_stream() as down, destination.open_upload() as up:
        answer = down.head()
        while piece := down.chunk(answer):
            up.send_chunk(piece)
            seen += len(piece)
            memory.look()
        assert up.send_chunk(b"").answer().ok()["offset"] == seen > size
    destination.go("STOP", image={"bytes": seen})
    assert destination.checksum == source.checksum


def test_idle_connections(agent: Agent, wire: OpenWire) -> None:
    """Keeping a connection costs little, and it still works."""
    memory = Memory(agent)
    wires = [wire() for _ in range(MANY)]
    for _ in range(3):
        for connection in wires:
            connection.ask("GET", "/v1").answer().ok()
        memory.look()
    assert agent.descriptors >= MANY, "they are kept"


def test_slow_reader(agent: Agent, attach: Attach) -> None:
    """A byte per second: the device waits for it, nobody else does, and it gets everything."""
    device, neighbour = attach(window=4 * MIB, **LONG), attach()
    image = device.image()
    device.go("STOP_COPY")
    memory, offsets = Memory(agent), set()
    with device.open_stream() as slow:
        answer = slow.head()
        for _ in range(5):
            slow.unread += slow.socket.recv(1)
            offsets.add(device.session["offset"])
            neighbour.go("STOP", "RUNNING")
            memory.look()
            time.sleep(1)
        assert max(offsets) < len(image) / 2, "the agent does not read ahead"
        assert slow.chunks(answer) == image
        memory.look()
    assert answer.trailers["stream-state"] == "complete"


# Many at once

def test_many_requests_at_once(attach: Attach, wire: OpenWire) -> None:
    """Each connection gets the answers to its own requests, in their order."""
    devices = [attach(seed=number + 1) for number in range(8)]
    wires = [wire() for _ in range(MANY)]
    for turn in range(20):
        asked = [devices[(number + turn) % len(devices)] for number in range(MANY)]
        for number, connection in enumerate(wires):
            connection.ask("GET", asked[number].path, f"Request-Id: {number}.{turn}")
        for number, connection in enumerate(wires):
            answer = connection.answer()
            assert answer.ok()["id"] == asked[number].id
            assert answer["Request-Id"] == f"{number}.{turn}"


def test_many_changes_at_once(attach: Attach, wire: OpenWire) -> None:
    """One of them wins; the others are told so, or find that it is done."""
    device = attach(arc_latency_us=20_000)
    wires = [wire() for _ in range(MANY)]
    for connection in wires:
        connection.ask_json("PUT", f"{device.path}/state", {"state": "STOP"})
    reports = []
    for connection in wires:
        answer = connection.answer()
        if answer.status == 200:
            reports.append(answer.ok())
        else:
            answer.problem(409, "transition-in-progress")
    assert sum(len(report["arcs"]) for report in reports) == 2, "RUNNING, RUNNING_P2P, STOP"
    assert device.state == "STOP"


def test_many_streams_at_once(client: Client, attach: Attach) -> None:
    """As many as the agent takes, each with its own image; one more is told to come later."""
    most = client.get("/v1").ok()["limits"]["streams"]
    devices = [attach(seed=number + 1) for number in range(most + 1)]
    images = [device.image() for device in devices]
    assert len(set(images)) == len(images)
    for device in devices:
        device.go("PRE_COPY")
    with ExitStack() as stack:
        streams = [stack.enter_context(device.open_stream()) for device in devices[:most]]
        heads = [stream.head() for stream in streams]
        assert {head.status for head in heads} == {200}
        devices[-1].download().problem(503, "overloaded")
        for device in devices:
            device.go("STOP_COPY")
        for image, stream, head in zip(images, streams, heads, strict=False):
            assert stream.chunks(head) == image
        assert devices[-1].download().body == images[-1]


def test_more_connections_than_fit(
    agent: Agent, client: Client, at_rest: tuple[int, int]
) -> None:
    """They are told so, or closed where even that would be too much; and it passes."""
    most = client.get("/v1").ok()["limits"]["connections"]
    eventually(lambda: (agent.descriptors, agent.threads) == at_rest, "that connection is gone")
    with ExitStack() as stack:
        def connection() -> Wire:
            return stack.enter_context(Wire(agent.address))

        wires = [connection() for _ in range(most)]
        for wire in wires:
            wire.ask("GET", "/v1")
        for wire in wires:
            wire.answer().ok()
        refused = connection().ask("GET", "/v1").answer()
        refused.problem(503, "overloaded")
        assert refused["Connection"] == "close"
        silent = [connection() for _ in range(2 * MANY)]
        assert silent[-1].rest() == b"", "nobody waits in a queue that has no end"
        wires[0].ask("GET", "/v1").answer().ok()
        for wire in wires[1:MANY] + silent:
            wire.close()
        eventually(lambda: is_answered(client), "there is room again")


# Clients that disappear

LEAVE = pytest.mark.parametrize("leave", [Wire.reset, Wire.close])


@LEAVE
@pytest.mark.parametrize("window", [0, 4 * MIB])
def test_downloads_that_are_cut(
    attach: Attach, client: Client, leave: Callable[[Wire], None], window: int
) -> None:
    """With a window they go on where they were; without, the sessions are lost, never the devices."""
    devices = [attach(window=window, seed=number + 1, **LONG) for number in range(4)]
    images = [device.image() for device in devices]
    for device in devices:
        device.go("STOP_COPY")
    wires = [device.open_stream() for device in devices]
    arrived = [wire.chunk() for wire in wires if wire.head().status == 200]
    for wire in wires:
        leave(wire)
    assert is_answered(client)
    for device, image, start in zip(devices, images, arrived, strict=True):
        expected = "offset-required" if window else "session-lost"
        problem = device.download().problem(409, expected)
        if window and problem["earliest_offset"] <= len(start):
            assert start + device.download(f"?offset={len(start)}").body == image
            continue
        assert device.go("STOP")["session_ended"]["outcome"] == "rolled-back"
        device.go("STOP_COPY")
        assert device.download().body == image, "a new session has all of it"


@LEAVE
def test_uploads_that_are_cut(
    attach: Attach, client: Client, leave: Callable[[Wire], None]
) -> None:
    """Nothing is committed, and nothing is lost: they go on where they were."""
    source = attach(initial_bytes=MIB)
    image, sent = source.image(), 700 * KIB
    devices = [attach(seed=number + 2) for number in range(4)]
    for device in devices:
        device.go("RESUMING")
    wires = [device.open_upload().send_chunk(image[:sent]) for device in devices]
    for device, wire in zip(devices, wires, strict=True):
        eventually(lambda: device.session["offset"] == sent, "it is in the device")
        leave(wire)
    assert is_answered(client)
    for device in devices:
        assert client.ask("HEAD", f"{device.path}/data")["Upload-Offset"] == str(sent)
        assert device.session["phase"] == "active"
        device.put("STOP", image={"bytes": len(image)}).problem(409, "image-incomplete")
        rest = client.ask("PATCH", f"{device.path}/data", image[sent:], {
            "Upload-Offset": str(sent), "Upload-Complete": "?1"})
        assert rest.status == 204
        device.go("STOP", image={"bytes": len(image)})
        assert device.checksum == source.checksum


# Devices that come and go

def test_devices_that_come_and_go(agent: Agent, attach: Attach) -> None:
    """Nothing of them is left, whatever they were in the middle of."""
    memory = Memory(agent)
    for number in range(200):
        device = attach(f"passing-{number}")
        if number % 2:
            device.go("PRE_COPY")
            device.download("?until=drained")
        else:
            device.go("RESUMING")
            device.open_upload().send_chunk(b"x" * 10).close()
        assert device.detach(force=True).status == 204
        memory.look()
    assert device.client.get(device.path).status == 404
