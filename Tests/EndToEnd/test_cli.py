"""The commands that talk to an agent, as people and scripts use them."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent import FERRY, PATIENCE, Agent
from clients import Client

REFUSED, UNREACHABLE, GIVEN_UP = 1, 2, 3
PLAN = {"initial_bytes": 1 << 20, "stop_copy_bytes": 4096, "last_close_resets": False}


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[tuple[Agent, Agent]]:
    """A source with two devices, and a destination with one."""
    pair = [Agent(tmp_path / side, "--simulate", "0").started() for side in ("a", "b")]
    for agent, names in zip(pair, (("sim0", "sim1"), ("sim2",))):
        for number, name in enumerate(names):
            plan = {**PLAN, "seed": number + ord(name[-1])}
            Client(agent.address).post(
                "/v1/devices", {"id": name, "source": {"simulated": plan}}).ok(201)
    yield pair[0], pair[1]
    for agent in pair:
        agent.discard()


def ferry(agent: Agent | str, *words: str) -> subprocess.CompletedProcess[str]:
    """What a command does that is told where the agent is by its environment."""
    where = agent if isinstance(agent, str) else f"http://{agent.address}"
    return subprocess.run(
        [FERRY, *words], capture_output=True, text=True, timeout=PATIENCE,
        env={**os.environ, "FERRY_AGENT": where})


def test_devices_and_states(agents: tuple[Agent, Agent]) -> None:
    """Tables for people, the API's JSON for scripts."""
    listed = ferry(agents[0], "devices")
    assert listed.returncode == 0 and listed.stderr == ""
    lines = [line.split() for line in listed.stdout.splitlines()]
    assert [line[:3] for line in lines[1:]] == [
        ["sim0", "simulated", "RUNNING"], ["sim1", "simulated", "RUNNING"]]
    items = json.loads(ferry(agents[0], "devices", "--json").stdout)["items"]
    assert [item["id"] for item in items] == ["sim0", "sim1"]
    assert "RUNNING since" in ferry(agents[0], "state", "sim0").stdout
    moved = ferry(agents[0], "state", "sim0", "PRE_COPY")
    assert "RUNNING -> PRE_COPY in" in moved.stdout and "sim0 is in PRE_COPY" in moved.stdout
    info = json.loads(ferry(agents[0], "precopy-info", "sim0", "--json").stdout)
    assert info["initial_bytes"] > 0
    assert "initial bytes" in ferry(agents[0], "precopy-info", "sim0").stdout


def test_mistakes(agents: tuple[Agent, Agent]) -> None:
    """What was tried, why it failed and what to do, on standard error; and an exit code for each."""
    refused = ferry(agents[0], "state", "sim7")
    assert refused.returncode == REFUSED and refused.stdout == ""
    assert "sim7" in refused.stderr and "/problems/not-found" in refused.stderr
    wrong = ferry(agents[0], "state", "sim0", "PRECOPY")
    assert wrong.returncode == REFUSED and "PRECOPY" in wrong.stderr
    nobody = ferry("http://127.0.0.1:1", "devices")
    assert nobody.returncode == UNREACHABLE and "--agent" in nobody.stderr
    nonsense = ferry("ftp://nowhere", "devices")
    assert nonsense.returncode == os.EX_USAGE and "ftp://nowhere" in nonsense.stderr
    assert ferry(agents[0], "migrate", "sim0").returncode == os.EX_USAGE


def test_migrate(agents: tuple[Agent, Agent]) -> None:
    """Lines for a pipe; the downtime with its parts at the end; planned before, listed afterwards."""
    to = f"http://{agents[1].address}"
    planned = ferry(agents[0], "plan", "sim0", "--to", to)
    assert planned.returncode == 0 and "sim0 -> sim2" in planned.stdout
    moved = ferry(agents[0], "migrate", "sim0=sim2", "--to", to)
    assert moved.returncode == 0, moved.stderr
    assert "completed" in moved.stdout and "\x1b" not in moved.stdout
    for part in ("downtime", "quiesce", "prepare", "run"):
        assert part in moved.stdout
    listed = ferry(agents[0], "migrations").stdout
    assert "completed" in listed and "sim0" in listed
    full = json.loads(ferry(agents[0], "migrations", "--json").stdout)["items"]
    assert full[0]["downtime"]["total_us"] > 0
    # Nobody is free there any more who fits.
    again = ferry(agents[0], "migrate", "sim1", "--to", "http://127.0.0.1:1")
    assert again.returncode == GIVEN_UP
    assert Client(agents[0].address).get("/v1/devices/sim1/state").ok()["state"] == "RUNNING"


def test_live_display(agents: tuple[Agent, Agent]) -> None:
    """On a terminal one line is drawn anew."""
    master, slave = pty.openpty()
    command = [FERRY, "migrate", "sim0", "--to", f"http://{agents[1].address}"]
    environment = {**os.environ, "FERRY_AGENT": f"http://{agents[0].address}"}
    with subprocess.Popen(command, stdout=slave, env=environment) as process:
        os.close(slave)
        seen = b""
        try:
            while piece := os.read(master, 4096):
                seen += piece
        except OSError:
            pass  # The terminal's other end has gone.
        assert process.wait(PATIENCE) == 0
    os.close(master)
    assert b"\r\x1b[K" in seen and b"copying" in seen and b"completed" in seen


def test_cancelled(agents: tuple[Agent, Agent]) -> None:
    """Somebody else gives it up: the command says so, and the device runs on."""
    command = [FERRY, "migrate", "sim0", "--manual", "--to", f"http://{agents[1].address}"]
    environment = {**os.environ, "FERRY_AGENT": f"http://{agents[0].address}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        while "copying" not in process.stdout.readline():
            pass
        items = Client(agents[0].address).get("/v1/migrations").ok()["items"]
        assert ferry(agents[0], "cancel", items[0]["id"]).returncode == 0
        assert process.wait(PATIENCE) == GIVEN_UP
        assert "cancelled" in process.stdout.read()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(shell: str) -> None:
    """The generated scripts name the commands; bash takes its own."""
    script = subprocess.run(
        [FERRY, "--generate-completion-script", shell], capture_output=True, text=True, check=True)
    assert "migrate" in script.stdout and "precopy-info" in script.stdout
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script.stdout, text=True, check=True)
