"""The end of an agent: what still comes to its own end, what is cut, and what the log says of it."""

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agent import KIB, MIB, Agent, eventually
from clients import Client
from conftest import Start
from devices import SMALL, Device
from wire import Wire

SIGNALS = [signal.SIGTERM, signal.SIGINT]
# Far beyond what a test may take: whoever waits for its end hangs.
ENDLESS = ["--simulate", "0", "--grace", "86400"]
# More than all the buffers between a device and a client take.
LONG: dict[str, Any] = {"initial_bytes": 64 * MIB, "stop_copy_bytes": MIB}


def attach(agent: Agent, identifier: str = "device", **plan: Any) -> Device:
    """A device of an agent of the test's own."""
    client = Client(agent.address)
    source = {"simulated": {**SMALL, **plan}}
    client.post("/v1/devices", {"id": identifier, "source": source}).ok(201)
    return Device(client, identifier)


def drain(agent: Agent, number: signal.Signals = signal.SIGTERM) -> None:
    """Tells it to end, and waits until it has begun to."""
    agent.terminate(number)
    eventually(lambda: "ending: " in agent.log, "the agent begins to end")


def last_words(agent: Agent, device: Device) -> str:
    """What the log says of where a device stays; empty if it says nothing."""
    found = re.search(rf"\b{device.id} stays in (.*)$", agent.log, re.M)
    return found.group(1) if found else ""


# Streams that are on their way when the agent is told to end

def idle_download(device: Device) -> Wire:
    """The device has nothing more to send."""
    device.go("PRE_COPY")
    device.download("?until=drained")
    wire = device.open_stream()
    assert wire.head().status == 200
    return wire


def slow_download(device: Device) -> Wire:
    """The client wants it slowly."""
    device.go("STOP_COPY")
    wire = device.open_stream("?max_bytes_per_second=1000")
    assert wire.head().status == 200
    return wire


def blocked_download(device: Device) -> Wire:
    """The client does not read."""
    def is_stuck() -> bool:
        offset = device.session["offset"]
        time.sleep(0.1)
        return bool(0 < offset == device.session["offset"])

    device.go("STOP_COPY")
    wire = device.open_stream()
    assert wire.head().status == 200
    eventually(is_stuck, "the buffers are full")
    return wire


def idle_upload(device: Device) -> Wire:
    """The client does not write."""
    device.go("RESUMING")
    wire = device.open_upload().send_chunk(b"i")
    eventually(lambda: device.session["offset"] == 1, "it is in the device")
    return wire


OnItsWay = Callable[[Device], Wire]
STREAMS = pytest.mark.parametrize(
    "begin", [idle_download, slow_download, blocked_download, idle_upload])


def check_cut(wire: Wire) -> None:
    """The client cannot take what it got for the end of a stream, or for a success."""
    rest = wire.rest()
    assert not rest.endswith(b"\r\n0\r\n\r\n") and b"Stream-State: " not in rest
    assert b"HTTP/1.1 200" not in rest


# Nothing is on its way

@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("grace", ["0", "86400"])
def test_nothing_to_wait_for(start: Start, number: signal.Signals, grace: str) -> None:
    """Connections without a request are none to wait for, and nobody is left behind."""
    agent = start("--simulate", "2", "--grace", grace).started()
    with Wire(agent.address) as silent, Wire(agent.address) as kept:
        kept.ask("GET", "/v1").answer().ok()
        agent.terminate(number)
        assert agent.wait() == 0, agent.log
        assert kept.rest() == silent.rest() == b""
    assert "ended" in agent.log and "stays" not in agent.log
    with pytest.raises(ConnectionRefusedError):
        Wire(agent.address)


def test_every_device_is_named(start: Start) -> None:
    """Unless it runs; with its session, and where that is."""
    agent = start(*ENDLESS).started()
    states = ["RUNNING_P2P", "STOP", "PRE_COPY", "PRE_COPY_P2P", "STOP_COPY", "RESUMING"]
    devices = [attach(agent, f"in-{state}", **LONG) for state in states]
    for number, (device, state) in enumerate(zip(devices, states, strict=True)):
        device.go(state)
        if "COPY" in state:
            device.download(f"?limit={1000 + number}")
    running = attach(agent, "running")
    failed = attach(agent, "failed", faults=[{"on": "arc", "nth": 1, "action": "error-state"}])
    failed.put("STOP").problem(500, "device-failed")
    sessions = {device.id: device.resource.get("session") for device in devices}
    arcs = agent.log.count("->")
    assert agent.end() == 0, agent.log
    for number, (device, state) in enumerate(zip(devices, states, strict=True)):
        words = last_words(agent, device)
        assert words.startswith(f"{state};"), words
        session = sessions[device.id]
        if session:
            assert session["id"] in words
            assert words.endswith(f"offset {1000 + number if 'COPY' in state else 0}"), words
        else:
            assert words.endswith("no session"), words
    assert last_words(agent, failed).startswith("ERROR;")
    assert last_words(agent, running) == ""
    assert agent.log.count("->") == arcs, "no device was moved"


# Streams and changes may go on

def test_requests_while_it_ends(start: Start) -> None:
    """New ones are refused, on new and on kept connections, and a stream goes on to its end."""
    agent = start(*ENDLESS).started()
    device = attach(agent, **LONG)
    image = device.image()
    device.go("STOP_COPY")
    with device.open_stream() as stream, Wire(agent.address) as kept:
        answer = stream.head()
        kept.ask("GET", "/v1").answer().ok()
        drain(agent)
        kept.ask("GET", device.path).answer().problem(503, "shutting-down")
        for method, path in [("GET", "/v1"), ("GET", "/nowhere"), ("POST", f"{device.path}/reset"),
                             ("GET", f"{device.path}/data"), ("DELETE", device.path)]:
            device.client.ask(method, path).problem(503, "shutting-down")
        device.put("RUNNING").problem(503, "shutting-down")
        assert stream.chunks(answer) == image
        assert answer.trailers["stream-state"] == "complete"
    assert agent.wait() == 0, agent.log
    words = last_words(agent, device)
    assert words.startswith("STOP_COPY;") and words.endswith(f"complete at offset {len(image)}")


def test_upload_while_it_ends(start: Start) -> None:
    """It is taken to its end, and answered."""
    agent = start(*ENDLESS).started()
    image = attach(agent, "source").image()
    device = attach(agent)
    device.go("RESUMING")
    with device.open_upload() as wire:
        wire.send_chunk(image[:KIB])
        eventually(lambda: device.session["offset"] == KIB, "it is in the device")
        drain(agent)
        wire.send_chunk(image[KIB:]).send_chunk(b"")
        assert wire.answer().ok()["phase"] == "complete"
    assert agent.wait() == 0, agent.log
    assert last_words(agent, device).endswith(f"complete at offset {len(image)}")


def test_change_while_it_ends(start: Start) -> None:
    """A transition that has begun is no less atomic than before, and is answered."""
    agent = start(*ENDLESS).started()
    device = attach(agent, arc_latency_us=500_000)
    with Wire(agent.address) as wire:
        wire.ask_json("PUT", f"{device.path}/state", {"state": "STOP"})
        eventually(lambda: "transition" in device.status, "it is on its way")
        drain(agent)
        report = wire.answer().ok()
    assert (report["state"], len(report["arcs"])) == ("STOP", 2)
    assert agent.wait() == 0, agent.log
    assert last_words(agent, device).startswith("STOP;")


def test_waits_while_it_ends(start: Start) -> None:
    """Nothing will happen that is worth waiting for: they are answered at once."""
    agent = start(*ENDLESS).started()
    device = attach(agent)
    device.go("PRE_COPY")
    paths = [f"state?wait_ms=60000&after_generation={device.generation}",
             "precopy-info?wait_ms=60000&until=dirty"]
    with Wire(agent.address) as state, Wire(agent.address) as info:
        for wire, path in zip((state, info), paths, strict=True):
            wire.ask("GET", "/v1").answer().ok()
            wire.ask("GET", f"{device.path}/{path}")
        # Nothing tells that they wait now; a request that comes after the signal gets a 503.
        time.sleep(0.5)
        drain(agent)
        assert state.answer().ok()["state"] == "PRE_COPY"
        assert info.answer().ok()["dirty_bytes"] == 0
    assert agent.wait() == 0, agent.log


@pytest.mark.parametrize("leave", [Wire.reset, Wire.close])
@STREAMS
def test_client_that_leaves_while_it_ends(
    start: Start, begin: OnItsWay, leave: Callable[[Wire], None]
) -> None:
    """There is nothing to wait for any more, and it was not the agent who cut the stream."""
    agent = start(*ENDLESS).started()
    wire = begin(attach(agent, **LONG))
    drain(agent)
    leave(wire)
    assert agent.wait() == 0, agent.log


# Streams are cut

@pytest.mark.parametrize("grace", ["0", "1"])
@STREAMS
def test_cut_after_the_grace(start: Start, begin: OnItsWay, grace: str) -> None:
    """The exit status says so, the log which one, and the device stays as it is."""
    agent = start("--simulate", "0", "--grace", grace).started()
    device = attach(agent, **LONG)
    with begin(device) as wire:
        state, session = device.state, device.session
        drain(agent)
        assert agent.wait() == 1, agent.log
        check_cut(wire)
    assert f"the stream of {device.id} was cut" in agent.log
    words = last_words(agent, device)
    assert words.startswith(f"{state};") and session["id"] in words
    offset = int(words.rsplit("offset ", 1)[1])
    assert offset == session["offset"] or begin is slow_download


@pytest.mark.parametrize("second", SIGNALS)
@STREAMS
def test_second_signal(start: Start, begin: OnItsWay, second: signal.Signals) -> None:
    """Whoever says it twice does not want to wait."""
    agent = start(*ENDLESS).started()
    device = attach(agent, **LONG)
    with begin(device) as wire:
        state = device.state
        drain(agent)
        assert agent.is_running
        agent.terminate(second)
        assert agent.wait() == 1, agent.log
        check_cut(wire)
    assert f"the stream of {device.id} was cut" in agent.log
    assert last_words(agent, device).startswith(f"{state};")


# Nobody reads what it says

@pytest.mark.parametrize("redirect", [
    ">/dev/full", "2>/dev/full", ">/dev/full 2>&1", ">&-", "2>&-", "<&- >&- 2>&-",
    "> >(true) 2> >(true)",
])
def test_output_that_goes_nowhere(start: Start, tmp_path: Path, redirect: str) -> None:
    """A full disk or a closed file under the log is no reason to fail."""
    path = tmp_path / "socket"
    agent = start(
        "--simulate", "2", "--log-level", "debug", listen=f"unix:{path}", redirect=redirect)
    eventually(lambda: path.exists() and agent.is_running, "it listens")
    client = Client(f"unix:{path}")
    eventually(lambda: len(client.get("/v1/devices").ok()["items"]) == 2, "it has its devices")
    source, destination = Device(client, "sim0"), Device(client, "sim1")
    source.go("STOP_COPY")
    image = source.download().body
    destination.go("RESUMING")
    destination.upload(image).ok()
    destination.go("STOP", image={"bytes": len(image)})
    assert destination.checksum == source.checksum
    assert agent.end() == 0
    assert not path.exists()
