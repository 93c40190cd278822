"""One agent does not come back, and an operator decides with the other one."""

from typing import Any

import pytest
from agent import eventually
from ends import ABORTED, COMPLETED, check
from hosts import Pair

pytest_plugins = ["stage"]


def word(action: str) -> dict[str, Any]:
    """The operator's word."""
    return {"action": action, "fenced": True, "reason": "the other host is switched off"}


@pytest.fixture
def images(pair: Pair) -> dict[str, set[str]]:
    """A group of two, and what the source's devices hold."""
    pair.attach(2)
    return pair.images


def lose_source(pair: Pair) -> None:
    """The source dies when the destination is prepared."""
    trap = pair.b.gate.hold("/prepare HTTP", holds_answer=True)
    pair.migrate()
    eventually(trap.reached.is_set, "the destination is prepared")
    pair.a.kill()
    trap.released.set()
    assert pair.b.migration("m1")["phase"] == "prepared"


def lose_destination(pair: Pair) -> None:
    """The destination dies before it hears of the decision."""
    trap = pair.b.gate.hold("/run HTTP")
    pair.migrate()
    eventually(trap.reached.is_set, "the grant is on its way")
    pair.b.gate.cut()
    pair.b.kill()
    trap.released.set()
    pair.a.wait_for("m1", "in-doubt")
    conditions = {c["type"]: c["status"] for c in pair.a.migration("m1")["conditions"]}
    assert conditions["PeerReachable"] is False, conditions


def test_prepared_destination_waits(pair: Pair, images: dict[str, set[str]]) -> None:
    """It neither runs nor forgets by itself, over a restart too."""
    lose_source(pair)
    pair.b.kill()
    pair.b.restart()
    assert pair.b.wait_for("m1", "prepared")["devices"][0]["source"] == "a0"
    assert pair.b.device("b0").state == "STOP"
    pair.b.client.ask("DELETE", "/v1/migrations/m1").problem(409, "migration-active")
    pair.b.device("b0").put("RUNNING").problem(409, "device-claimed")
    pair.a.restart()
    check(pair, images, ABORTED)


def test_destination_takes_over(pair: Pair, images: dict[str, set[str]]) -> None:
    """It runs; the source that comes back has to let go."""
    lose_source(pair)
    pair.b.act("m1", "resolve", {**word("take_over"), "fenced": False}).problem(
        400, "invalid-request")
    pair.b.act("m1", "resolve", word("take_over")).ok()
    pair.b.wait_for("m1", "completed")
    assert pair.b.device("b0").state == "RUNNING"
    pair.a.restart()
    check(pair, images, COMPLETED)


def test_destination_gives_up(pair: Pair, images: dict[str, set[str]]) -> None:
    """It forgets the images; the source that comes back runs."""
    lose_source(pair)
    pair.b.act("m1", "resolve", word("give_up")).ok()
    pair.b.wait_for("m1", "discarded")
    pair.a.restart()
    check(pair, images, ABORTED)


def test_source_takes_over(pair: Pair, images: dict[str, set[str]]) -> None:
    """It runs again; the destination that comes back has to forget."""
    lose_destination(pair)
    pair.a.act("m1", "resolve", word("take_over")).ok()
    pair.a.wait_for("m1", "failed", "cancelled")
    assert pair.a.device("a0").state == "RUNNING"
    pair.b.restart()
    pair.b.gate.mend()
    check(pair, images, ABORTED)


def test_source_gives_up(pair: Pair, images: dict[str, set[str]]) -> None:
    """It lets go; the destination that comes back waits, and an operator runs it."""
    lose_destination(pair)
    pair.a.act("m1", "resolve", word("give_up")).ok()
    pair.a.wait_for("m1", "completed")
    assert pair.a.device("a0").resource["handed_over"]["migration"] == "m1"
    pair.b.restart()
    pair.b.gate.mend()
    if pair.b.migration("m1")["phase"] == "prepared":
        pair.b.act("m1", "resolve", word("take_over")).ok()
    check(pair, images, COMPLETED)


def test_in_doubt_ends_by_itself(pair: Pair, images: dict[str, set[str]]) -> None:
    """The destination comes back: no operator is needed."""
    lose_destination(pair)
    assert all(pair.a.device(a).state == "STOP_COPY" for a, _ in pair.names)
    pair.b.restart()
    pair.b.gate.mend()
    check(pair, images, COMPLETED)
