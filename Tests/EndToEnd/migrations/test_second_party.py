"""The second party on its own: it comes to an end from every step at which it can die."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from agent import PATIENCE
from cases import MIGRATION, SecondParty, logs
from ends import ABORTED, COMPLETED, judge, settle
from hosts import Pair

pytest_plugins = ["stage"]

# Before the source's decision is written, everything it did is taken back.
FORWARD = ["begin", "open", "copy", "quiesce", "stop", "drain", "prepare", "commit"]
AFTERWARDS = ["run", "finish"]
BACKWARD = ["cancel", "discard"]


@pytest.fixture
def images(pair: Pair) -> dict[str, set[str]]:
    """A group of two, and what the source's devices hold."""
    pair.attach(2)
    return pair.images


def check(pair: Pair, party: SecondParty, images: dict[str, set[str]], kind: str) -> None:
    """It ended like that, everywhere."""
    try:
        settle(pair, MIGRATION, lambda: party.is_running)
        end = judge(pair, MIGRATION, images)
        assert end.kind == kind and not end.faults, (end, logs(pair, party))
        assert party.process.returncode == {COMPLETED: 0, ABORTED: 1}[kind]
        assert not party.journal.exists(), "it is done with that"
    finally:
        party.kill()


def test_group(pair: Pair, tmp_path: Path, images: dict[str, set[str]]) -> None:
    """A whole handover by hand."""
    check(pair, SecondParty(pair, tmp_path), images, COMPLETED)


@pytest.mark.parametrize("step", FORWARD + AFTERWARDS)
def test_dies_and_comes_back(
    pair: Pair, tmp_path: Path, images: dict[str, set[str]], step: str,
    note: Callable[[str, str, str, str], None],
) -> None:
    """SIGKILL just before a step; started again it goes on from the source's record."""
    party = SecondParty(pair, tmp_path, f"--die-at={step}")
    party.process.wait(PATIENCE)
    assert re.search(rf"^{step}$", party.log.read_text(), re.M), logs(pair, party)
    party.begin()
    # What had not begun is not begun by a party that has forgotten why.
    kind = COMPLETED if step in AFTERWARDS else ABORTED
    check(pair, party, images, kind)
    note("second party, which dies", step, "and comes back", kind)


def test_decision_is_sealed(pair: Pair, tmp_path: Path, images: dict[str, set[str]]) -> None:
    """From the decision on not even the party itself moves the source's devices, over a restart too."""
    party = SecondParty(pair, tmp_path, "--die-at=run")
    party.process.wait(PATIENCE)
    for _ in range(2):
        for a, _ in pair.names:
            answer = pair.a.device(a).put("RUNNING", headers={"Migration-Id": MIGRATION})
            answer.problem(409, "device-claimed")
        pair.a.kill()
        pair.a.restart()
    party.begin()
    check(pair, party, images, COMPLETED)


@pytest.mark.parametrize("step", BACKWARD)
def test_dies_while_it_takes_back(
    pair: Pair, tmp_path: Path, images: dict[str, set[str]], step: str
) -> None:
    """Twice dead: on the way forward, and on the way back."""
    party = SecondParty(pair, tmp_path, "--die-at=prepare")
    party.process.wait(PATIENCE)
    party.begin(f"--die-at={step}")
    party.process.wait(PATIENCE)
    party.begin()
    check(pair, party, images, ABORTED)
