"""The command line: what it says, what it refuses, and where the agent then listens."""

import os
import re
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from agent import FERRY, PATIENCE, Agent, eventually
from clients import Client
from conftest import Start
from devices import Device

OPTIONS = [
    "--listen", "--simulate", "--attach", "--simulated-state", "--grace", "--state-directory",
    "--migrations-out", "--migrations-in", "--bandwidth", "--insecure", "--log-level", "--version", "--help",
]
# What somebody may type, and what the answer has to name.
MISTAKES = {
    "swerve": "swerve",
    "serve extra": "extra",
    "serve --nope": "--nope",
    "serve --simulat 2": "--simulate",
    "serve --simulate": "--simulate",
    "serve --simulate two": "two",
    "serve --simulate=-1": "0 to 16384",
    "serve --simulate 16385": "0 to 16384",
    "serve --listen": "--listen",
    "serve --listen nowhere": "'nowhere'",
    "serve --listen 8440": "'8440'",
    "serve --listen 127.0.0.1": "'127.0.0.1'",
    "serve --listen 127.0.0.1:99999": "'127.0.0.1:99999'",
    "serve --listen ::1:8440": "'::1:8440'",
    "serve --listen http://127.0.0.1:8440": "'http://127.0.0.1:8440'",
    "serve --listen unix:": "'unix:'",
    "serve --listen unix:ferry.sock": "'unix:ferry.sock'",
    "serve --listen 127.0.0.1:0 --listen nowhere": "'nowhere'",
    "serve --attach vfio0": "'vfio0'",
    "serve --attach simulated": "'simulated'",
    "serve --attach simulated:": "'simulated:'",
    "serve --attach simulated:,{}": "'simulated:,{}'",
    "serve --attach simulated:a/b,{}": "'simulated:a/b,{}'",
    "serve --attach simulated:sim0,": "not JSON",
    "serve --attach simulated:sim0,{": "not JSON",
    "serve --attach simulated:sim0,[]": "not a JSON object",
    'serve --attach simulated:sim0,{"sede":7}': "'sede'",
    'serve --attach simulated:sim0,{"seed":"7"}': "'seed'",
    "serve --attach cdev:/dev/null": "'cdev:/dev/null'",
    "serve --attach cdev:/dev/vfio/devices/vfio": "'cdev:/dev/vfio/devices/vfio'",
    "serve --attach cdev:/dev/vfio/devices/../../null": "'cdev:/dev/vfio/devices/../../null'",
    "serve --attach group:12": "'group:12'",
    "serve --attach group:x,0000:3b:00.2": "'group:x,0000:3b:00.2'",
    "serve --attach group:-1,0000:3b:00.2": "'group:-1,0000:3b:00.2'",
    "serve --attach group:12,../../null": "'group:12,../../null'",
    "serve --grace=-1": "0 to 86400",
    "serve --grace 1h": "1h",
    "serve --grace 86401": "0 to 86400",
    "serve --log-level loud": "'loud'",
}


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command that ends by itself."""
    return subprocess.run(
        [FERRY, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=PATIENCE)


def refusal(agent: Agent) -> str:
    """What an agent says that does not start: one line, and on one thing."""
    assert agent.wait() == 1, agent.log
    assert agent.output == ""
    assert len(agent.log.splitlines()) == 1, agent.log
    assert " error " in agent.log
    return agent.log


def agent_id(address: str) -> str:
    """Who answers there."""
    return str(Client(address).get("/v1").ok()["id"])


# What it says

def test_version(start: Start) -> None:
    """The command and the agent agree on it."""
    version = run("--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", version.stdout)
    about = Client(start().started().address).get("/v1").ok()
    assert about["version"] == version.stdout.strip()


@pytest.mark.parametrize("command", ["--help", "-h", "help", ""])
def test_help(command: str) -> None:
    """Where to begin."""
    text = run(*command.split())
    assert (text.returncode, text.stderr) == (0, "")
    for word in ("serve", "--version", "--help", "ferry serve --simulate 2"):
        assert word in text.stdout


@pytest.mark.parametrize("command", ["serve --help", "serve -h", "help serve"])
def test_help_on_serve(command: str) -> None:
    """Every option has a line, and the way to end it is said as well."""
    text = run(*command.split())
    assert (text.returncode, text.stderr) == (0, "")
    listed = re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text.stdout, re.M)
    assert sorted(listed) == sorted(OPTIONS)
    for word in ("SIGTERM", "SIGINT", "127.0.0.1:8440", "unix:/", "cdev:", "group:", "(default:"):
        assert word in text.stdout


@pytest.mark.parametrize("command", MISTAKES)
def test_mistakes(command: str) -> None:
    """EX_USAGE, a line that names the mistake, and how to go on."""
    answer = run(*command.split())
    assert answer.returncode == os.EX_USAGE
    assert answer.stdout == ""
    first, *rest = answer.stderr.splitlines()
    assert first.startswith("Error: ") and MISTAKES[command] in first
    assert any(line.startswith("Usage: ferry") for line in rest)
    assert "--help" in rest[-1]


# Where it listens

def test_several_addresses(start: Start, tmp_path: Path) -> None:
    """One agent on all of them, in the log as they are."""
    path = f"unix:{tmp_path}/socket"
    agent = start("--listen", "[::1]:0", "--listen", path, "--listen", "localhost:0").started()
    assert len(agent.addresses) == 4
    assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d*", agent.address)
    assert re.fullmatch(r"\[::1\]:[1-9]\d*", agent.addresses[1])
    assert agent.addresses[2] == path
    assert len({agent_id(address) for address in agent.addresses}) == 1


def test_default_address(start: Start) -> None:
    """127.0.0.1:8440, taken or refused: another program may have that port."""
    agent = start(listen=None)
    eventually(lambda: "127.0.0.1:8440" in agent.log, "it speaks of its address")


@pytest.mark.parametrize("address", ["0.0.0.0:0", "192.0.2.1:0", "[::]:0", "[2001:db8::1]:0"])
def test_not_for_others(start: Start, address: str) -> None:
    """Whoever could reach it could take the devices: refused, with the reason."""
    log = refusal(start("--listen", address))
    assert f"Listening on {address} is refused" in log and "authentication" in log


def test_port_in_use(start: Start) -> None:
    """Says which one, and why."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        log = refusal(start(listen=address))
    assert address in log and "EADDRINUSE" in log


def test_unix_socket(start: Start, tmp_path: Path) -> None:
    """For its user alone, and gone with the agent."""
    path = tmp_path / "socket"
    agent = start(listen=f"unix:{path}").started()
    mode = path.stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    assert agent_id(agent.address)
    assert agent.end() == 0
    assert not path.exists()


def test_stale_unix_socket(start: Start, tmp_path: Path) -> None:
    """Nobody answers on what a killed agent has left: the next one takes its place."""
    path = tmp_path / "socket"
    first = start(listen=f"unix:{path}").started()
    first.process.kill()
    assert first.wait() == -signal.SIGKILL
    assert path.is_socket()
    second = start(listen=f"unix:{path}").started()
    assert agent_id(second.address)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_living_unix_socket(start: Start, tmp_path: Path) -> None:
    """Somebody answers there: he stays, and the second agent says why it does not start."""
    path = tmp_path / "socket"
    first = start(listen=f"unix:{path}").started()
    who = agent_id(first.address)
    log = refusal(start(listen=f"unix:{path}"))
    assert str(path) in log and "EADDRINUSE" in log
    assert agent_id(f"unix:{path}") == who
    assert first.end() == 0


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_path_that_is_no_socket(start: Start, tmp_path: Path, kind: str) -> None:
    """It belongs to somebody else: nothing happens to it."""
    path, other = tmp_path / "socket", tmp_path / "other"
    other.write_text("precious")
    if kind == "file":
        path.write_text("precious")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(other)
    before = path.lstat()
    log = refusal(start(listen=f"unix:{path}"))
    assert str(path) in log and "EADDRINUSE" in log
    assert path.lstat() == before
    assert other.read_text() == "precious"


@pytest.mark.parametrize(("name", "errno"), [
    ("missing/socket", "ENOENT"), ("x" * 108, "ENAMETOOLONG"), ("file/socket", "ENOTDIR"),
])
def test_path_that_cannot_be(start: Start, tmp_path: Path, name: str, errno: str) -> None:
    """The path and the errno."""
    (tmp_path / "file").touch()
    log = refusal(start(listen=f"unix:{tmp_path}/{name}"))
    assert name in log and errno in log


def test_start_that_fails_later(start: Start, tmp_path: Path) -> None:
    """Nothing is left of the sockets that were opened before."""
    path = tmp_path / "socket"
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        assert address in refusal(start("--listen", address, listen=f"unix:{path}"))
    assert not path.exists()
    refusal(start("--attach", "cdev:/dev/vfio/devices/vfio999999", listen=f"unix:{path}"))
    assert not path.exists()


# What it has

@pytest.mark.parametrize("count", [0, 1, 3])
def test_simulated_devices(start: Start, count: int) -> None:
    """They run, and no two of them are alike."""
    client = Client(start("--simulate", str(count)).started().address)
    assert client.get("/v1").ok()["extensions"] == ["simulation"]
    items = client.get("/v1/devices").ok()["items"]
    assert [item["id"] for item in items] == [f"sim{number}" for number in range(count)]
    assert all(item["state"] == "RUNNING" for item in items)
    assert len({item["identity"]["state_checksum"] for item in items}) == count
    created = client.post("/v1/devices", {"source": {"simulated": {}}}).ok(201)
    assert created["id"] == f"sim{count}", "more can be attached"


def test_without_simulation(start: Start) -> None:
    """Nobody gets a device that is none."""
    client = Client(start().started().address)
    assert client.get("/v1").ok()["extensions"] == []
    answer = client.post("/v1/devices", {"source": {"simulated": {}}})
    assert "--simulate" in answer.problem(403, "simulation-disabled")["detail"]
    assert client.get("/v1/devices").ok()["items"] == []


@pytest.mark.parametrize(("source", "names"), [
    ("cdev:/dev/vfio/devices/vfio999999", ["/dev/vfio/devices/vfio999999"]),
    ("group:999999,0000:ff:1f.7", ["999999", "0000:ff:1f.7"]),
])
def test_missing_device(start: Start, source: str, names: list[str]) -> None:
    """The operator counts on it, so the agent does not start without it."""
    log = refusal(start("--simulate", "1", "--attach", source))
    for word in [*names, "ENOENT"]:
        assert word in log


@pytest.mark.parametrize("kind", ["file", "link"])
def test_file_that_is_no_device(start: Start, tmp_path: Path, kind: str) -> None:
    """Its name is right, and it is still refused."""
    (tmp_path / "vfio0").touch() if kind == "file" else (tmp_path / "vfio0").symlink_to("/dev/null")
    log = refusal(
        start("--cdev-directory", str(tmp_path), "--attach", f"cdev:{tmp_path}/vfio0"))
    assert f"{tmp_path}/vfio0" in log


@pytest.mark.parametrize(("level", "says"), [("debug", 3), ("info", 2), ("error", 0)])
def test_log_level(start: Start, tmp_path: Path, level: str, says: int) -> None:
    """No more than asked for."""
    path = tmp_path / "socket"
    agent = start("--simulate", "1", "--log-level", level, listen=f"unix:{path}")
    eventually(path.exists, "it listens")
    Device(Client(f"unix:{path}"), "nobody").put("STOP").problem(404, "not-found")
    # It is there before it says so.
    eventually(lambda: len(agent.log.splitlines()) >= says, "it says so")
    assert len(agent.log.splitlines()) == says
    assert agent.end() == 0
