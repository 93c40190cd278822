"""The command line: images in files, and what is left when something goes wrong on the way."""

import hashlib
import json
import os
import resource
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agent import MIB, Agent
from commands import FAILED, INTERRUPTED, UNREACHABLE, Terminal, fail, succeed
from conftest import Attach, Start
from devices import FEATURE_SETS, Device
from proxy import Plan, Proxy

BIG: dict[str, Any] = {"initial_bytes": 4 * MIB, "stop_copy_bytes": MIB}


def stall(event: str, milliseconds: int = 3000) -> list[dict[str, Any]]:
    """A driver that stands still for a while at its first read or write."""
    return [{"on": event, "nth": 1, "action": "stall", "stall_ms": milliseconds}]


def saved(agent: Agent, device: Device, folder: Path, *words: str) -> Path:
    """An image that was saved."""
    file = folder / f"{device.id}.image"
    succeed(agent, "save", device.id, str(file), *words)
    return file


@pytest.mark.parametrize("features", FEATURE_SETS)
@pytest.mark.parametrize("start", ["RUNNING", "RUNNING_P2P", "STOP"])
def test_save(
    agent: Agent, attach: Attach, tmp_path: Path, features: list[str], start: str
) -> None:
    """The image is what the agent says it is, its description says so, and the device goes on."""
    if start == "RUNNING_P2P" and "P2P" not in features:
        start = "STOP"
    device = attach(features=features, **BIG)
    device.go(start)
    file = saved(agent, device, tmp_path)
    image = file.read_bytes()
    session = device.session
    said = json.loads((tmp_path / f"{file.name}.json").read_text())
    assert said["bytes"] == session["offset"] == len(image)
    assert said["sha256"] == session["sha256"] == hashlib.sha256(image).hexdigest()
    assert said["identity"]["driver"] == "simulated" and said["features"] == features
    assert said["agent"]["url"] == agent.url and said["ferry_version"] and said["saved_at"]
    assert device.state == start
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name, f"{file.name}.json"]


@pytest.mark.parametrize("then,state", [("running", "RUNNING"), ("stop", "STOP"), ("reset", "RUNNING")])
def test_save_then(agent: Agent, attach: Attach, tmp_path: Path, then: str, state: str) -> None:
    """What becomes of the device; a reset one has lost its state."""
    donor, device = attach(seed=5), attach(seed=6)
    image = donor.image()
    device.go("RESUMING")
    device.upload(image).ok()
    device.go("RUNNING", image={"bytes": len(image)})
    loaded = device.checksum
    file = saved(agent, device, tmp_path, "--then", then)
    assert device.state == state
    assert (device.checksum == loaded) is (then != "reset")
    assert json.loads(Path(f"{file}.json").read_text())["device_after"] == then


def test_restore(agent: Agent, attach: Attach, tmp_path: Path) -> None:
    """The other device has the same state, and runs or does not."""
    source, destination = attach(seed=1, **BIG), attach(seed=2, **BIG)
    file = saved(agent, source, tmp_path, "--then", "stop")
    succeed(agent, "restore", destination.id, str(file), "--then", "stop")
    assert destination.state == "STOP" and destination.checksum == source.checksum
    succeed(agent, "restore", destination.id, str(file))
    assert destination.state == "RUNNING" and destination.checksum == source.checksum
    assert destination.session["outcome"] == "committed"


def test_dirty_device(agent: Agent, attach: Attach, tmp_path: Path) -> None:
    """A device that never comes to rest is stopped all the same."""
    device = attach(dirty_bytes_per_second=64 * MIB, **BIG)
    saved(agent, device, tmp_path)
    assert device.state == "RUNNING"


def test_never_over_another_file(agent: Agent, attach: Attach, tmp_path: Path) -> None:
    """What is there stays there, and the device is not touched."""
    device = attach()
    file = saved(agent, device, tmp_path)
    before, generation = file.read_bytes(), device.generation
    assert "there already" in fail(agent, FAILED, "save", device.id, str(file))
    assert file.read_bytes() == before and device.generation == generation
    assert "ENOENT" in fail(agent, FAILED, "save", device.id, str(tmp_path / "no/file"))


@pytest.mark.parametrize("state", ["PRE_COPY", "STOP_COPY", "RESUMING"])
def test_not_out_of_another_session(
    agent: Agent, attach: Attach, tmp_path: Path, state: str
) -> None:
    """Somebody else's session is left alone."""
    device = attach()
    device.go(state)
    assert state in fail(agent, FAILED, "save", device.id, str(tmp_path / "image"))
    assert device.state == state and list(tmp_path.iterdir()) == []


def test_disk_full(agent: Agent, attach: Attach, tmp_path: Path) -> None:
    """The device runs again, and nothing is left of the file."""
    device = attach(**BIG)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))

    said = fail(agent, FAILED, "save", device.id, str(tmp_path / "image"), before=limit)
    assert "EFBIG" in said and "RUNNING again" in said
    assert device.state == "RUNNING" and list(tmp_path.iterdir()) == []
    device.go("PRE_COPY")


@pytest.mark.parametrize("start", ["RUNNING", "STOP"])
def test_interrupted_save(agent: Agent, attach: Attach, tmp_path: Path, start: str) -> None:
    """Ctrl-C takes the device back to where it was."""
    device = attach(faults=stall("read"), **BIG)
    device.go(start)
    terminal = Terminal(agent, "save", device.id, str(tmp_path / "image"))
    terminal.wait_for("COPY")
    terminal.interrupt()
    assert terminal.end() == INTERRUPTED
    assert f"is in {start} again" in terminal.drawn
    assert device.state == start and list(tmp_path.iterdir()) == []


def test_failing_device(agent: Agent, attach: Attach, tmp_path: Path) -> None:
    """A driver that fails while it is read."""
    device = attach(faults=[{"on": "read", "nth": 2, "action": "errno", "errno": "EIO"}], **BIG)
    assert "broke off" in fail(agent, FAILED, "save", device.id, str(tmp_path / "image"))
    assert device.state == "RUNNING" and list(tmp_path.iterdir()) == []


def test_agent_gone(start: Start, tmp_path: Path) -> None:
    """An agent that dies in the middle: no file, and it is said what to look after."""
    plan = json.dumps({"faults": stall("read", 60_000), **BIG})
    agent = start("--simulate", "0", "--attach", f"simulated:d,{plan}").started()
    folder = tmp_path / "images"
    folder.mkdir()
    terminal = Terminal(agent, "save", "d", str(folder / "image"))
    terminal.wait_for("PRE_COPY")
    agent.process.kill()
    assert terminal.end() == UNREACHABLE
    assert "could not be taken back to RUNNING" in terminal.drawn
    assert list(folder.iterdir()) == []


def spoil(file: Path) -> None:
    """Changes one bit."""
    image = bytearray(file.read_bytes())
    image[len(image) // 2] ^= 1
    file.write_bytes(image)


def cut(file: Path) -> None:
    """Takes the end away."""
    file.write_bytes(file.read_bytes()[:-1])


def lose_description(file: Path) -> None:
    """Takes the description away."""
    Path(f"{file}.json").unlink()


def spoil_description(file: Path) -> None:
    """Leaves something else in its place."""
    Path(f"{file}.json").write_text("{}")


def change_driver(file: Path) -> None:
    """Makes it another driver's image."""
    said = json.loads(Path(f"{file}.json").read_text())
    said["identity"]["driver"] = "mlx5_vfio_pci"
    Path(f"{file}.json").write_text(json.dumps(said))


def add_vendor(file: Path) -> None:
    """Makes it another vendor's image."""
    said = json.loads(Path(f"{file}.json").read_text())
    said["identity"]["vendor_id"] = "0x15b3"
    Path(f"{file}.json").write_text(json.dumps(said))


@pytest.mark.parametrize("harm,reason", [
    (spoil, "is not what was saved"), (cut, "is not what was saved"),
    (lose_description, "ENOENT"), (spoil_description, "is no description"),
    (change_driver, "mlx5_vfio_pci"), (add_vendor, "0x15b3"),
])
def test_refused_before_anything(
    agent: Agent, attach: Attach, tmp_path: Path, harm: Callable[[Path], None], reason: str
) -> None:
    """An image that is not whole or not the device's own never reaches it."""
    device = attach(**BIG)
    file = saved(agent, device, tmp_path)
    harm(file)
    generation = device.generation
    assert reason in fail(agent, FAILED, "restore", device.id, str(file))
    assert device.generation == generation and device.state == "RUNNING"


def test_image_refused_by_the_device(agent: Agent, attach: Attach, tmp_path: Path) -> None:
    """The device takes no such image: it is reset."""
    file = saved(agent, attach(seed=1, **BIG), tmp_path)
    fault = {"on": "write", "nth": 1, "action": "errno", "errno": "EINVAL"}
    device = attach(seed=2, faults=[fault], **BIG)
    fresh = device.checksum
    said = fail(agent, FAILED, "restore", device.id, str(file))
    assert "was reset" in said and device.state == "RUNNING" and device.checksum == fresh


def test_interrupted_restore(agent: Agent, attach: Attach, tmp_path: Path) -> None:
    """Ctrl-C resets the device."""
    file = saved(agent, attach(seed=1, **BIG), tmp_path)
    device = attach(seed=2, faults=stall("write"), **BIG)
    fresh = device.checksum
    terminal = Terminal(agent, "restore", device.id, str(file))
    terminal.wait_for("RESUMING")
    terminal.interrupt()
    assert terminal.end() == INTERRUPTED
    assert "was reset" in terminal.drawn
    assert device.state == "RUNNING" and device.checksum == fresh


def test_interrupted_check(agent: Agent, attach: Attach, tmp_path: Path) -> None:
    """Ctrl-C before anything has begun: the device is not touched, and no line is left half drawn."""
    device = attach()
    file = saved(agent, device, tmp_path)
    # Sparse: it takes no room, and a long time to read.
    os.truncate(file, 1 << 36)
    generation = device.generation
    terminal = Terminal(agent, "restore", device.id, str(file))
    terminal.wait_for("checking")
    terminal.interrupt()
    assert terminal.end() == INTERRUPTED
    assert terminal.drawn.endswith("\r\x1b[Kferry: interrupted\r\n"), terminal.drawn[-200:]
    assert device.generation == generation


def test_no_room_for_a_thread(agent: Agent, attach: Attach, tmp_path: Path) -> None:
    """A command that could not hear Ctrl-C does not begin."""
    device = attach()
    generation = device.generation

    def limit() -> None:
        # A thread's stack is as large as the first one's may become: larger than there are addresses.
        resource.setrlimit(resource.RLIMIT_STACK, (1 << 50, resource.RLIM_INFINITY))

    said = fail(agent, FAILED, "save", device.id, str(tmp_path / "image"), before=limit)
    assert "starting a thread failed: EAGAIN" in said
    assert device.generation == generation and list(tmp_path.iterdir()) == []


class Network(Proxy):
    """A proxy for a command, which has one connection for its requests and one for the stream."""

    def _serve(self, client: socket.socket, plan: Plan) -> None:
        threading.Thread(target=super()._serve, args=(client, plan), daemon=True).start()


@pytest.mark.parametrize("plan", [Plan(flip_at=MIB), Plan(cut_after=MIB)])
def test_spoilt_on_the_way_out(
    agent: Agent, attach: Attach, tmp_path: Path, plan: Plan
) -> None:
    """A bit that is changed or an end that is missing is seen, and the device goes on."""
    device = attach(**BIG)
    with Network(agent.address, lambda: plan) as network:
        said = fail(
            f"http://{network.address}", FAILED, "save", device.id, str(tmp_path / "image"))
    assert ("is not what the agent sent" if plan.flip_at else "broke off") in said
    assert device.state == "RUNNING" and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("plan,code", [
    (Plan(flip_at=MIB), FAILED), (Plan(cut_after=MIB), UNREACHABLE)])
def test_spoilt_on_the_way_in(
    agent: Agent, attach: Attach, tmp_path: Path, plan: Plan, code: int
) -> None:
    """It never comes to run: the device is reset."""
    file = saved(agent, attach(seed=1, **BIG), tmp_path)
    device = attach(seed=2, **BIG)
    fresh = device.checksum
    with Network(agent.address, lambda: plan, watches_upload=True) as network:
        said = fail(f"http://{network.address}", code, "restore", device.id, str(file))
    assert "was reset" in said and device.state == "RUNNING" and device.checksum == fresh


def test_json(agent: Agent, attach: Attach, tmp_path: Path) -> None:
    """One document each: the description of the image, the report of the device."""
    device, file = attach(), tmp_path / "image"
    said = json.loads(succeed(agent, "save", device.id, str(file), "--json"))
    assert said == json.loads(Path(f"{file}.json").read_text())
    report = json.loads(succeed(agent, "restore", device.id, str(file), "--json"))
    assert report["state"] == "RUNNING"
