"""The command line: devices and their states, mistakes, an agent that is none, completion."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from agent import FERRY, PATIENCE, Agent
from commands import FAILED, UNREACHABLE, Terminal, environment, fail, ferry, succeed
from conftest import Attach, Start

EVIL = 'sim\x1b[2J\x9b0m\u202e'


def test_devices(agent: Agent, attach: Attach) -> None:
    """A table for people, the API's JSON for scripts, the same over all pages."""
    names = [attach().id for _ in range(2)]
    header, *rows = [line.split() for line in succeed(agent, "devices").splitlines()]
    assert header == ["ID", "DRIVER", "STATE", "SESSION", "CLAIM"]
    assert [row for row in rows if row[0] in names] == [
        [name, "simulated", "RUNNING", "-", "-"] for name in names]
    items = json.loads(succeed(agent, "devices", "--json"))["items"]
    assert {item["id"] for item in items} >= set(names)


def test_states(agent: Agent, attach: Attach) -> None:
    """A state is shown, changed with all its arcs, and told as JSON."""
    device = attach()
    assert "RUNNING since" in succeed(agent, "state", device.id)
    moved = succeed(agent, "state", device.id, "PRE_COPY")
    assert "RUNNING -> PRE_COPY in" in moved and f"{device.id} is in PRE_COPY" in moved
    assert "initial bytes" in succeed(agent, "precopy-info", device.id)
    info = json.loads(succeed(agent, "precopy-info", device.id, "--json"))
    assert info["initial_bytes"] == 64 << 10
    report = json.loads(succeed(agent, "state", device.id, "STOP_COPY", "--json"))
    assert report["state"] == "STOP_COPY" and report["arcs"]


def test_slow_arc(agent: Agent, attach: Attach) -> None:
    """A driver that takes its time is waited for, and its report is the same."""
    device = attach(faults=[{"on": "arc", "nth": 1, "action": "stall", "stall_ms": 1500}])
    moved = succeed(agent, "state", device.id, "STOP").splitlines()
    assert any("RUNNING -> RUNNING_P2P" in line and " in " not in line for line in moved), moved
    assert moved[-1] == f"{device.id} is in STOP"
    broken = attach(faults=[
        {"on": "arc", "nth": 1, "action": "stall", "stall_ms": 1500},
        {"on": "arc", "nth": 2, "action": "error-state"}])
    refused = fail(agent, FAILED, "state", broken.id, "STOP", "--json")
    assert "(device-failed)" in refused


def test_problems(agent: Agent) -> None:
    """What was tried, why it failed, the code and what to do; as JSON too."""
    said = fail(agent, FAILED, "state", "nobody")
    assert "'nobody'" in said and "(not-found)" in said and "See /problems/not-found" in said
    assert "The path names no resource" in said
    asked = ferry(agent, "state", "nobody", "--json")
    assert json.loads(asked.stdout)["code"] == "not-found"
    for odd in ("a b", "../../v1", "a?b#c", "\u00e4", "%00"):
        assert "(not-found)" in fail(agent, FAILED, "state", odd)


@pytest.mark.parametrize("address,reason", [
    ("http://127.0.0.1:1", "127.0.0.1"), ("http://no-such-host.invalid", "no-such-host.invalid"),
    ("unix:/no/such.sock", "/no/such.sock"), ("https://127.0.0.1:1", "127.0.0.1"),
])
def test_nobody_there(address: str, reason: str) -> None:
    """The agent is named, and what can be done."""
    said = fail(address, UNREACHABLE, "devices")
    assert reason in said and "cannot be reached" in said and "--agent" in said


@pytest.mark.parametrize("words", [
    ["devices", "--agent", "ftp://x"], ["migrate", "sim0"], ["state"], ["save", "sim0"],
    ["migrate", "a", "--to", "http://x", "--downtime-limit", "3 weeks"],
    ["migrate", "a", "--to", "http://x", "--bandwidth", "-1"],
    ["migrate", "a", "--to", "http://x", "--destination-device", "b=c"],
    ["resolve", "m", "take_over", "--reason", "x"], ["fly"],
])
def test_typing_errors(words: list[str]) -> None:
    """Are found before anything is asked."""
    assert "Usage" in fail("http://127.0.0.1:1", os.EX_USAGE, *words)


MIGRATE = ["migrate", "a", "--to", "http://x"]


@pytest.mark.parametrize("words,choices", [
    (["state", "a"], "RUNNING STOP_COPY RESUMING PRE_COPY_P2P"),
    (["save", "a", "f", "--then"], "running stop reset"),
    (["restore", "a", "f", "--then"], "running stop"),
    ([*MIGRATE, "--mode"], "pre-copy stop-copy"),
    ([*MIGRATE, "--switchover"], "automatic manual"),
    ([*MIGRATE, "--on-downtime-exceeded"], "rollback continue"),
    ([*MIGRATE, "--on-timeout"], "cancel switchover hold"),
    ([*MIGRATE, "--final-state"], "RUNNING STOP"),
    ([*MIGRATE, "--source-after"], "reset stop detach"),
    ([*MIGRATE, "--barrier", "before-run", "--barrier"], "before-quiesce before-stop before-run"),
    (["release", "m"], "before-quiesce before-stop before-run"),
    (["resolve", "m", "--fenced", "--reason", "x"], "take_over give_up"),
    (["serve", "--log-level"], "debug info warning error"),
])
def test_words(words: list[str], choices: str) -> None:
    """A word that is none is refused with those that are; they are in the help as well."""
    said = fail("http://127.0.0.1:1", os.EX_USAGE, *words, "fly")
    helped = ferry("http://127.0.0.1:1", words[0], "--help").stdout
    assert "The value 'fly' is invalid" in said
    for choice in choices.split():
        assert re.search(rf"'{choice}'|- {choice}$", said, re.M), said
        assert re.search(rf"\b{choice}\b", helped), helped


def test_unix_socket(start: Start, tmp_path: os.PathLike[str]) -> None:
    """An agent that listens on a Unix socket, by option and by environment."""
    where = f"unix:{os.fspath(tmp_path)}/ferry.sock"
    start("--simulate", "1", listen=where).started()
    assert "sim0" in ferry(where, "devices").stdout
    assert "sim0" in ferry("http://127.0.0.1:1", "devices", "--agent", where).stdout


class Liar(BaseHTTPRequestHandler):
    """Answers with what moves a cursor, or with what is no API."""

    def do_GET(self) -> None:  # noqa: N802
        """Devices with an odd name; a page; a problem."""
        page = self.path.startswith("/v1/devices/page")
        status = 200 if self.path.startswith("/v1/devices?") or page else 409
        thing = {"id": EVIL, "detail": EVIL, "code": EVIL, "items": [{"id": EVIL}]}
        # Raw, where a JSON writer would have escaped it.
        text = "<html>" if page else json.dumps(thing, ensure_ascii=False)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.replace("\x1b", "\\u001b").encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


@pytest.fixture(scope="module")
def liar() -> Iterator[str]:
    """The URL of a server that is no agent."""
    with HTTPServer(("127.0.0.1", 0), Liar) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_nothing_moves_the_cursor(liar: str) -> None:
    """What an agent says is text, and stays text."""
    for words in (["devices"], ["state", "x"]):
        done = ferry(liar, *words)
        said = done.stdout + done.stderr
        assert "sim" in said
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said), said
    assert "is no agent" in fail(liar, UNREACHABLE, "state", "page")


def test_json_on_a_terminal(agent: Agent, attach: Attach) -> None:
    """JSON is not decorated, wherever it goes."""
    device = attach()
    terminal = Terminal(agent, "state", device.id, "STOP", "--json")
    assert terminal.end() == 0
    assert json.loads(terminal.drawn)["state"] == "STOP"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_scripts(shell: str) -> None:
    """They name the commands, and their shells can read them."""
    script = subprocess.run(
        [FERRY, "--generate-completion-script", shell], capture_output=True, text=True, check=True)
    for command in ("migrate", "precopy-info", "save", "restore", "resolve"):
        assert command in script.stdout
    subprocess.run([shell, "-n"], input=script.stdout, text=True, check=True)


def test_completed_devices(agent: Agent, attach: Attach) -> None:
    """The agent is asked for devices; nobody there is no device."""
    device = attach()
    words = [FERRY, "---completion", "state", "--", "positional@0", "2", "0", "ferry", "state", ""]
    for where, found in ((agent.url, True), ("http://127.0.0.1:1", False)):
        done = subprocess.run(
            words, capture_output=True, text=True, check=True, env=environment(where))
        assert (device.id in done.stdout) is found and done.stderr == ""


def test_help() -> None:
    """The exit codes are in the help."""
    said = ferry("http://127.0.0.1:1", "help")
    assert said.returncode == 0
    for code in ("0", "1", "2", "3", "4", "64", "130"):
        assert re.search(rf"\b{code}\b", said.stdout)


@pytest.mark.parametrize("words", [["devices"], ["devices", "--json"], ["migrations"]])
def test_output_on_a_full_disk(agent: Agent, words: list[str]) -> None:
    """Who asks for a list and gets none is told that it was not written."""
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(
            [FERRY, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE,
            env=environment(agent))
    assert done.returncode == FAILED
    assert done.stderr.startswith("ferry: writing the output failed: ENOSPC")
