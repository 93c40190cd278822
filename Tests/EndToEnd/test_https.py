"""Agents behind TLS, as a reverse proxy puts it in front of them: commands and migrations over https."""

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agent import MIB, Agent, eventually
from clients import Client
from commands import UNREACHABLE, fail, ferry, succeed

Front = Callable[[Agent, str], str]
# Devices that are moved whole, more than one record of TLS.
PLAN = {"initial_bytes": 4 * MIB, "stop_copy_bytes": MIB, "last_close_resets": False}


def certificate(folder: Path, name: str) -> Path:
    """A certificate for an address, with its key, that signs itself."""
    file = folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{name}",
         "-keyout", f"{file}.key", "-out", str(file)], check=True, capture_output=True)
    file.with_suffix(".both").write_text(file.read_text() + Path(f"{file}.key").read_text())
    return file


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    """Puts TLS in front of an agent, with the certificate of an address; the URL."""
    running: list[subprocess.Popen[bytes]] = []

    def put(agent: Agent, name: str) -> str:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        both = certificate(tmp_path, name).with_suffix(".both")
        running.append(subprocess.Popen([
            "socat", f"OPENSSL-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,verify=0,cert={both}",
            f"TCP:{agent.address}"]))

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        eventually(listens, "socat listens")
        return f"https://127.0.0.1:{port}"

    yield put
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is started from here on trusts the certificate of 127.0.0.1."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "127.0.0.1.pem"))


def test_commands(agent: Agent, front: Front, trusted: None, tmp_path: Path) -> None:
    """Requests, a download and an upload; the image arrives as it is."""
    url = front(agent, "127.0.0.1")
    client = Client(agent.address)
    for name, seed in (("d", 1), ("e", 2)):
        source = {"simulated": {**PLAN, "seed": seed}}
        client.post("/v1/devices", {"id": name, "source": source}).ok(201)
    assert "RUNNING" in ferry(url, "state", "d").stdout
    file = str(tmp_path / "image")
    assert ferry(url, "save", "d", file, "--then", "stop").returncode == 0
    assert ferry(url, "restore", "e", file).returncode == 0
    sums = {client.get(f"/v1/devices/{d}").ok()["identity"]["state_checksum"] for d in "de"}
    assert len(sums) == 1


def test_migration(tmp_path: Path, front: Front, trusted: None) -> None:
    """Agent to agent."""
    agents = [Agent(tmp_path / side, "--simulate", "0").started() for side in "ab"]
    try:
        for number, agent in enumerate(agents):
            source = {"simulated": {**PLAN, "seed": number}}
            Client(agent.address).post("/v1/devices", {"id": "d", "source": source}).ok(201)
        url = front(agents[1], "127.0.0.1")
        moved = json.loads(succeed(agents[0], "migrate", "d", "--to", url, "--json"))
        assert moved["phase"] == "completed" and moved["options"]["destination"]["url"] == url
    finally:
        for agent in agents:
            agent.discard()


@pytest.mark.parametrize("name,is_trusted", [("127.0.0.1", False), ("127.0.0.2", True)])
def test_nobody_else(
    agent: Agent, front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str,
    is_trusted: bool
) -> None:
    """A certificate that nobody vouches for, and one of another address: nothing is said to it."""
    url = front(agent, name)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / f"{name}.pem"))
    said = fail(url, UNREACHABLE, "devices")
    assert "cannot be reached" in said and "certificate" in said
