"""The commands that Ferry's own documents and its agent print, run as they are printed."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from agent import FERRY, PATIENCE, Agent, eventually
from clients import Client
from conftest import Start
from devices import Device

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = "127.0.0.1:8440"
CHECKSUM = re.compile(r'"state_checksum":"([^"]+)"')


def blocks(document: str) -> list[tuple[str, str]]:
    """The shell blocks of a document that say what they run against, with that."""
    text = (ROOT / document).read_text()
    found = re.findall(r"<!-- run against: (.+?) -->\n```sh\n(.*?)```", text, re.S)
    assert found, f"{document} has commands to run"
    return found


def paste(commands: str) -> str:
    """What a shell prints that is given these commands, line by line."""
    shell = subprocess.run(
        ["bash", "-s"], input=commands, capture_output=True, text=True, timeout=PATIENCE)
    assert shell.returncode == 0, shell.stderr
    return shell.stdout


def check_migrated(agent: Agent, printed: str) -> None:
    """Both checksums were printed and are one; the source is fresh, the destination runs."""
    sums = CHECKSUM.findall(printed)
    assert len(sums) == 2 and sums[0] == sums[1], printed
    assert '"code"' not in printed, "no problem was answered"
    client = Client(agent.address)
    assert Device(client, "sim1").checksum == sums[0]
    assert Device(client, "sim1").state == Device(client, "sim0").state == "RUNNING"
    assert Device(client, "sim1").session["outcome"] == "committed"


def test_first_steps(start: Start) -> None:
    """README: on the default address, as a new user does it."""
    (command, commands), _ = blocks("README.md")
    program, *arguments = command.split()
    assert (program, arguments[0]) == ("ferry", "serve")
    agent = start(*arguments[1:], listen=None).started()
    assert agent.address == DEFAULT
    check_migrated(agent, paste(commands))


def test_from_host_to_host(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """README: two agents, and the command line."""
    _, (command, commands) = blocks("README.md")
    assert command == "two agents"
    for listen in (None, "127.0.0.1:8441"):
        start("--simulate", "2", listen=listen).started()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/ferry").symlink_to(FERRY)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    printed = paste(commands)
    assert "sim0 -> sim0" in printed and "completed" in printed and "downtime" in printed


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0", "unix"])
def test_tutorial(start: Start, tmp_path: Path, listen: str) -> None:
    """What `ferry serve --simulate 2` prints, wherever it listens."""
    if listen == "unix":
        listen = f"unix:{tmp_path}/ferry.sock"
    agent = start("--simulate", "2", listen=listen).started()
    commands = eventually(lambda: agent.output, "it prints the lines")
    check_migrated(agent, paste(commands))


def test_both_print_the_same(start: Start) -> None:
    """The README and the agent teach one way to do it."""
    agent = start("--simulate", "2").started()
    commands = eventually(lambda: agent.output, "it prints the lines")
    printed = [line for line in commands.splitlines() if not line.startswith("#")]
    (_, readme), _ = blocks("README.md")
    assert [line.replace(agent.address, DEFAULT) for line in printed] == readme.splitlines()


def test_no_lesson_without_two(start: Start) -> None:
    """An agent that has no two devices to show it on teaches nothing."""
    agent = start("--simulate", "1").started()
    assert agent.end() == 0
    assert agent.output == ""


def test_named_targets() -> None:
    """Every `make` target that a document names is there."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for document in ROOT.glob("*.md"):
        named = set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", document.read_text(), re.M))
        assert named <= targets, document
