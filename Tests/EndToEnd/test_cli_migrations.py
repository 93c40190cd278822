"""The command line: whole migrations, planned, watched, steered and interrupted."""

import itertools
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent import FERRY, MIB, PATIENCE, Agent, eventually
from clients import Client
from commands import (
    FAILED, GIVEN_UP, INTERRUPTED, UNREACHABLE, Terminal, environment, fail, ferry, succeed)
from wire import connect

PLAN: dict[str, Any] = {
    "initial_bytes": MIB, "stop_copy_bytes": 4096, "last_close_resets": False,
}
SLOW = {"on": "arc", "nth": 2, "action": "stall", "stall_ms": 3000}


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[tuple[Agent, Agent]]:
    """A source with two devices, one of which is slow to go back; and a destination with one."""
    pair = [Agent(tmp_path / side, "--simulate", "0").started() for side in ("a", "b")]
    faults: dict[str, Any] = {"sim1": {"faults": [SLOW]}}
    for agent, names in zip(pair, (("sim0", "sim1"), ("sim2",))):
        for name in names:
            plan = {**PLAN, "seed": int(name[-1]) + 1, **faults.get(name, {})}
            Client(agent.address).post(
                "/v1/devices", {"id": name, "source": {"simulated": plan}}).ok(201)
    yield pair[0], pair[1]
    for agent in pair:
        agent.discard()


def only(agent: Agent) -> dict[str, Any]:
    """The one migration of an agent."""
    items = Client(agent.address).get("/v1/migrations").ok()["items"]
    assert len(items) == 1
    found: dict[str, Any] = items[0]
    return found


def state(agent: Agent, device: str) -> str:
    """A device's state."""
    return str(Client(agent.address).get(f"/v1/devices/{device}/state").ok()["state"])


def test_migrate(agents: tuple[Agent, Agent]) -> None:
    """Lines for a pipe; the downtime with its parts at the end; planned before, listed afterwards."""
    source, destination = agents
    planned = succeed(source, "plan", "sim0", "--to", destination.url)
    assert "sim0 -> sim2" in planned
    plan = json.loads(succeed(source, "plan", "sim0", "--to", destination.url, "--json"))
    assert plan["devices"][0]["destination"] == "sim2"
    moved = succeed(
        source, "migrate", "sim0", "--destination-device", "sim0=sim2", "--to", destination.url)
    assert "completed" in moved and "\x1b" not in moved and "sim0 -> sim2" in moved
    for part in ("downtime", "quiesce", "prepare", "run"):
        assert part in moved
    listed = succeed(source, "migrations")
    assert "completed" in listed and "sim0" in listed
    migration = only(source)
    assert "downtime" in succeed(source, "migrations", migration["id"])
    shown = json.loads(succeed(source, "migrations", migration["id"], "--json"))
    assert shown["downtime"]["total_us"] > 0
    assert json.loads(succeed(source, "migrations", "--json"))["items"][0]["id"] == shown["id"]


def test_every_option(agents: tuple[Agent, Agent], tmp_path: Path) -> None:
    """What is said is what is asked for."""
    (tmp_path / "token").write_text("secret\n")
    begun = succeed(
        agents[0], "migrate", "sim0=sim2", "--to", agents[1].url, "--id", "m7", "--mode",
        "stop-copy", "--switchover", "manual", "--downtime-limit", "0.5s", "--max-downtime", "4s",
        "--on-downtime-exceeded", "continue", "--timeout", "10m", "--on-timeout", "hold",
        "--bandwidth", "64M", "--source-after", "stop", "--final-state", "STOP", "--barrier",
        "before-stop", "--barrier", "before-run", "--barrier-timeout", "20s",
        "--allow-sole-holder", "--allow-missing-p2p", "--data-url", agents[1].url, "--token-file",
        str(tmp_path / "token"), "--no-wait")
    assert begun == "m7\n"
    options = only(agents[0])["options"]
    assert options == {
        "destination": {"url": agents[1].url, "data_url": agents[1].url},
        "mode": "stop-copy", "switchover": "manual", "downtime_limit_ms": 500,
        "max_downtime_ms": 4000, "on_downtime_exceeded": "continue", "max_duration_ms": 600_000,
        "on_timeout": "hold", "max_bytes_per_second": 64 * MIB, "final_state": "STOP",
        "source_after": "stop", "barriers": ["before-stop", "before-run"],
        "barrier_timeout_ms": 20_000, "allow_sole_holder": True, "allow_missing_p2p": True,
    }
    for word in ("switchover", "release"):
        more = ["before-stop"] if word == "release" else []
        assert "m7 is" in succeed(agents[0], word, "m7", *more)
    succeed(agents[0], "release", "m7", "before-run")
    eventually(lambda: only(agents[0])["phase"] == "completed", "it is completed")
    assert state(agents[1], "sim2") == "STOP"


def test_failed(agents: tuple[Agent, Agent]) -> None:
    """Nobody there; nobody who fits; refused at once: each with its exit code."""
    gone = ferry(agents[0], "migrate", "sim0", "--to", "http://127.0.0.1:1")
    assert gone.returncode == GIVEN_UP and "127.0.0.1:1" in gone.stdout
    assert state(agents[0], "sim0") == "RUNNING"
    assert "(not-found)" in fail(agents[0], FAILED, "migrate", "sim9", "--to", agents[1].url)
    assert "(not-found)" in fail(agents[0], FAILED, "cancel", "m9")
    assert fail("http://127.0.0.1:1", UNREACHABLE, "migrate", "sim0", "--to", agents[1].url)
    said = fail(agents[0], FAILED, "resolve", "m9", "give_up", "--fenced", "--reason", "a test")
    assert "(not-found)" in said


def test_no_token(tmp_path: Path) -> None:
    """A token that cannot be had whole is not sent."""
    file = tmp_path / "token"
    file.write_text("x" * 4096 + "\n")
    for path, reason in ((file, "longer than 4096"), (tmp_path, "EISDIR"), (tmp_path / "no", "ENOENT")):
        assert reason in fail(
            "http://127.0.0.1:1", FAILED, "plan", "sim0", "--to", "http://127.0.0.1:1",
            "--token-file", str(path))


def test_live_display(agents: tuple[Agent, Agent]) -> None:
    """On a terminal the progress is drawn in place, and no line is ever longer than that is wide."""
    terminal = Terminal(
        agents[0], "migrate", "sim0", "--switchover", "manual", "--to", agents[1].url, columns=40)
    terminal.wait_for("waiting-switchover")
    succeed(agents[0], "switchover", only(agents[0])["id"])
    assert terminal.end() == 0
    assert "\r\x1b[K\x1b[A\r\x1b[K" in terminal.drawn
    assert max(map(len, terminal.lines[:-12])) < 40, terminal.lines
    assert "completed" in terminal.drawn and "downtime" in terminal.drawn


def test_interrupted(agents: tuple[Agent, Agent]) -> None:
    """Ctrl-C takes it back, and says so when the devices run here again."""
    terminal = Terminal(
        agents[0], "migrate", "sim0", "--switchover", "manual", "--to", agents[1].url)
    terminal.wait_for("waiting-switchover")
    terminal.interrupt()
    assert terminal.end() == GIVEN_UP
    assert "is cancelled, its devices are taken back" in terminal.drawn
    assert only(agents[0])["phase"] == "cancelled" and state(agents[0], "sim0") == "RUNNING"


def test_interrupted_twice(agents: tuple[Agent, Agent]) -> None:
    """The second time it is left to the agent, which goes on by itself."""
    terminal = Terminal(
        agents[0], "migrate", "sim1", "--switchover", "manual", "--to", agents[1].url)
    terminal.wait_for("copying")
    terminal.interrupt()
    terminal.wait_for("taken back")
    terminal.interrupt()
    assert terminal.end() == INTERRUPTED
    assert "left to the agent" in terminal.drawn
    eventually(lambda: only(agents[0])["phase"] == "cancelled", "the agent has gone on")
    assert state(agents[0], "sim1") == "RUNNING"


def test_too_late_to_cancel(agents: tuple[Agent, Agent]) -> None:
    """After the point of no return Ctrl-C changes nothing, and says so."""
    # Its fifth arc is the one that the decision lets it run.
    plan = {**PLAN, "faults": [{**SLOW, "nth": 5}]}
    Client(agents[1].address).post(
        "/v1/devices", {"id": "sim3", "source": {"simulated": plan}}).ok(201)
    terminal = Terminal(agents[0], "migrate", "sim0=sim3", "--to", agents[1].url)
    terminal.wait_for("running-destination")
    terminal.interrupt()
    terminal.wait_for("(migration-committed)")
    assert terminal.end() == 0
    assert state(agents[1], "sim3") == "RUNNING"


def test_cancelled_by_somebody_else(agents: tuple[Agent, Agent]) -> None:
    """The command says so, and the device runs on."""
    command = [FERRY, "migrate", "sim0", "--switchover", "manual", "--to", agents[1].url]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=environment(agents[0]),
    ) as process:
        assert process.stdout
        while "waiting-switchover" not in process.stdout.readline():
            pass
        assert "m" in succeed(agents[0], "cancel", only(agents[0])["id"])
        assert process.wait(PATIENCE) == GIVEN_UP
        assert "cancelled" in process.stdout.read()


def lose_first_answer(server: socket.socket, agent: Agent) -> None:
    """Passes one request on and closes instead of answering; then passes everything on."""
    for number in itertools.count():
        try:
            client, _ = server.accept()
        except OSError:
            return
        with client, connect(agent.address) as other:
            while request := client.recv(1 << 16):
                other.sendall(request)
                answer = other.recv(1 << 16)
                if number == 0:
                    break
                client.sendall(answer)


def test_lost_answer(agents: tuple[Agent, Agent]) -> None:
    """A migration whose first answer is lost is asked for again, and begun once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lose_first_answer, args=(server, agents[0]))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        done = ferry(url, "migrate", "sim0=sim2", "--to", agents[1].url, "--no-wait")
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert done.returncode == 0, done
    assert only(agents[0])["id"] == done.stdout.strip()


def test_agent_restarts(agents: tuple[Agent, Agent], tmp_path: Path) -> None:
    """An agent that starts anew is waited for, and its word on the end is passed on."""
    source = agents[0]
    terminal = Terminal(
        source, "migrate", "sim0", "--switchover", "manual", "--to", agents[1].url)
    terminal.wait_for("waiting-switchover")
    source.process.kill()
    source.process.wait()
    again = Agent(
        tmp_path / "again", "--simulate", "0", "--state-directory",
        os.fspath(next((tmp_path / "a/state-home/ferry").iterdir())), listen=source.address)
    try:
        again.started()
        Client(again.address).post(
            "/v1/devices", {"id": "sim0", "source": {"simulated": PLAN}}).ok(201)
        assert terminal.end() == GIVEN_UP
        assert "failed" in terminal.drawn or "cancelled" in terminal.drawn
    finally:
        again.discard()


def test_agent_forgets(agents: tuple[Agent, Agent], tmp_path: Path) -> None:
    """One that starts anew with another journal knows nothing: no line is left half drawn."""
    source = agents[0]
    terminal = Terminal(
        source, "migrate", "sim0", "--switchover", "manual", "--to", agents[1].url)
    terminal.wait_for("waiting-switchover")
    source.process.kill()
    source.process.wait()
    again = Agent(tmp_path / "again", "--simulate", "0", listen=source.address)
    try:
        again.started()
        assert terminal.end() == FAILED
        _, drawn, said = terminal.drawn.rpartition("\r\x1b[K")
        assert drawn and said.startswith("ferry: ") and "(not-found)" in said
    finally:
        again.discard()
