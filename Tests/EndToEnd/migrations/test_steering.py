"""What a client does to a migration on its way: barriers, switchover, cancel, long-poll."""

import threading
from typing import Any

import pytest
from agent import PATIENCE, eventually
from ends import ABORTED, COMPLETED, check
from hosts import Pair

pytest_plugins = ["stage"]

# Where the source's device is when a barrier is reached.
BARRIERS = {"before-quiesce": "PRE_COPY", "before-stop": "PRE_COPY_P2P", "before-run": "STOP_COPY"}


@pytest.fixture
def images(pair: Pair) -> dict[str, set[str]]:
    """One device on each side, and what the source's holds."""
    pair.attach()
    return pair.images


def reached(pair: Pair, name: str) -> Any:
    """A barrier of the migration, once it is reached."""
    def look() -> Any:
        places = pair.a.migration("m1")["barriers"]
        return next((p for p in places if p["name"] == name and "reached_at" in p), None)

    return eventually(look, f"{name} is reached")


def test_barriers(pair: Pair, images: dict[str, set[str]]) -> None:
    """It waits at each one, the device in the state that the barrier promises, until it is let go."""
    pair.migrate(barriers=list(BARRIERS))
    for name, state in BARRIERS.items():
        place = reached(pair, name)
        assert "released_at" not in place
        assert pair.a.device("a0").state == state
        assert pair.b.device("b0").state == ("STOP" if name == "before-run" else "RESUMING")
        assert f"waits at the barrier {name}" in pair.a.migration("m1")["verdict"]
        record = pair.a.act("m1", f"barriers/{name}").ok()
        assert any(p["name"] == name and "released_at" in p for p in record["barriers"])
        pair.a.act("m1", f"barriers/{name}").ok()
    record = check(pair, images, COMPLETED)
    assert "verdict" not in record
    pair.a.act("m1", f"barriers/{name}").problem(409, "migration-ended")


def test_barriers_released_before(pair: Pair, images: dict[str, set[str]]) -> None:
    """What was released early holds nobody up."""
    pair.migrate(barriers=["before-stop"], switchover="manual")
    pair.a.act("m1", "barriers/before-stop").ok()
    pair.a.act("m1", "barriers/before-run").problem(404, "not-found")
    pair.a.act("m1", "switchover").ok()
    check(pair, images, COMPLETED)


@pytest.mark.parametrize("name", BARRIERS)
def test_barrier_that_nobody_releases(
    pair: Pair, images: dict[str, set[str]], name: str
) -> None:
    """After its time it is rolled back."""
    pair.migrate(barriers=[name], barrier_timeout_ms=300, on_downtime_exceeded="continue")
    record = check(pair, images, ABORTED)
    assert record["phase"] == "failed"
    assert record["failure"]["code"] == "barrier-timeout", record
    # It stood still from the first quiesce on.
    parts = record.get("downtime", {})
    assert ("roll_back_us" in parts) == (name != "before-quiesce"), parts
    assert parts.get("total_us", 0) >= sum(parts.values()) / 2 - len(parts)


def test_manual_switchover(pair: Pair, images: dict[str, set[str]]) -> None:
    """It is ready and waits for the word."""
    pair.migrate(switchover="manual")
    pair.a.wait_for("m1", "waiting-switchover")
    assert pair.a.device("a0").state == "PRE_COPY"
    pair.a.act("m1", "switchover").ok()
    record = check(pair, images, COMPLETED)
    pair.a.act("m1", "switchover").problem(409, "migration-ended")
    assert record["ended_at"] >= record["created_at"]


@pytest.mark.parametrize("name", ["", *BARRIERS])
def test_cancel(pair: Pair, images: dict[str, set[str]], name: str) -> None:
    """Before the decision it is taken back, as often as it is asked."""
    pair.migrate(switchover="automatic" if name else "manual", barriers=[name] if name else [])
    if name:
        reached(pair, name)
    pair.a.act("m1", "cancel").ok()
    pair.a.act("m1", "cancel").ok()
    record = check(pair, images, ABORTED)
    assert record["phase"] == "cancelled"
    pair.a.act("m1", "cancel").ok()


def test_too_late_to_cancel(pair: Pair, images: dict[str, set[str]]) -> None:
    """After the decision nothing takes it back."""
    trap = pair.b.gate.hold("/run HTTP")
    pair.migrate()
    eventually(trap.reached.is_set, "the grant is on its way")
    problem = pair.a.act("m1", "cancel").problem(409, "migration-committed")
    assert problem["phase"] in ("committed", "running-destination")
    trap.released.set()
    check(pair, images, COMPLETED)


def test_calls_for_another_kind(pair: Pair, images: dict[str, set[str]]) -> None:
    """What is for the other role or the other coordinator does nothing."""
    pair.migrate(switchover="manual")
    pair.a.wait_for("m1", "waiting-switchover")
    for action in ("commit", "finish", "void"):
        pair.a.act("m1", action).problem(409, "migration-mismatch")
    pair.a.act("m1", "run", {"epoch": 1}).problem(409, "migration-mismatch")
    pair.a.act("m1", "discard", {"epoch": 1}).problem(409, "migration-mismatch")
    pair.b.act("m1", "cancel").problem(409, "migration-mismatch")
    pair.b.act("m1", "switchover").problem(409, "migration-mismatch")
    pair.b.act("m1", "run", {"epoch": 1}).problem(409, "migration-mismatch")
    resolve = {"action": "take_over", "fenced": True, "reason": "test"}
    pair.a.act("m1", "resolve", resolve).problem(409, "migration-mismatch")
    pair.a.act("m1", "resolve", {**resolve, "fenced": False}).problem(400, "invalid-request")
    pair.a.act("m2", "cancel").problem(404, "not-found")
    pair.a.act("m1", "switchover").ok()
    check(pair, images, COMPLETED)


def test_long_poll(pair: Pair, images: dict[str, set[str]]) -> None:
    """An answer comes as soon as something has changed, and tells all phases one after the other."""
    pair.migrate(switchover="manual")
    pair.a.wait_for("m1", "waiting-switchover")
    first = pair.a.client.get("/v1/migrations/m1")
    known = first.ok()["generation"]
    assert first.etag == f'"{known}"'
    answers: list[Any] = []

    def wait() -> None:
        query = f"?wait_ms=30000&after_generation={known}"
        answers.append(pair.a.migration("m1", query))

    waiter = threading.Thread(target=wait)
    waiter.start()
    pair.a.act("m1", "switchover").ok()
    waiter.join(PATIENCE)
    assert answers and answers[0]["generation"] > known, "it waited for nothing"
    record = check(pair, images, COMPLETED)
    tag = f'"{record["generation"]}"'
    assert pair.a.client.get("/v1/migrations/m1", If_None_Match=tag).status == 304
    later = pair.a.migration("m1", f"?wait_ms=50&after_generation={record['generation']}")
    assert later["generation"] == record["generation"]
