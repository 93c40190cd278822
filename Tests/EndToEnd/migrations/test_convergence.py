"""Whether a migration converges, what it says if it does not, and what is done about it."""

from typing import Any

import pytest
from agent import GIB, MIB, SCALE, eventually
from ends import settle
from hosts import Pair

pytest_plugins = ["stage"]

RATE = 8 * MIB
# Of 4 MiB everything is dirtied again soon: then half a second is missing at this rate, and more.
FAST, SLOW = 3 * RATE, RATE * 3 // 10


def begin(pair: Pair, dirty: int, **members: Any) -> None:
    """A migration of a device that is dirtied, over a slow link."""
    pair.attach(a={"dirty_bytes_per_second": dirty})
    pair.migrate(max_bytes_per_second=RATE, **members)


def check_completed(pair: Pair) -> Any:
    """The destination runs what the source has stopped with; the migration's object."""
    settle(pair, "m1")
    record = pair.a.migration("m1")
    assert record["phase"] == "completed", record
    a, b = pair.a.device("a0"), pair.b.device("b0")
    assert (a.state, b.state) == ("STOP", "RUNNING")
    assert a.checksum == b.checksum
    assert a.resource["handed_over"]["migration"] == "m1"
    return record


def check_taken_back(pair: Pair, *phases: str) -> Any:
    """The source runs, the destination is blank; the migration's object."""
    settle(pair, "m1")
    record = pair.a.migration("m1")
    assert record["phase"] in phases, record
    assert pair.a.device("a0").state == "RUNNING"
    # Seeds of a blank device: nothing was loaded.
    assert pair.b.migration("m1")["phase"] == "discarded"
    assert "claimed_by" not in pair.a.device("a0").resource
    return record


def test_converges(pair: Pair) -> None:
    """Dirtied at 0.3 of the rate: it switches over by itself, and says how long it stood still."""
    begin(pair, SLOW)
    record = check_completed(pair)
    downtime = record["downtime"]
    parts = sum(time for name, time in downtime.items() if name != "total_us")
    assert 0 < parts <= downtime["total_us"] * 1.05 + 1000, downtime
    assert record["devices"][0]["restarts"] == 0
    image = record["devices"][0]["image"]
    assert image["bytes"] > 5 * MIB and len(image["sha256"]) == 64


def test_says_why_not(pair: Pair) -> None:
    """Dirtied at three times the rate: it goes on, says so, and is cancelled in time."""
    begin(pair, FAST, max_duration_ms=3000, on_timeout="cancel")

    def does_not_converge() -> Any:
        record = pair.a.migration("m1")
        return record.get("estimate", {}).get("converges") is False and record

    record = eventually(does_not_converge, "it knows that it does not converge")
    assert record["phase"] == "copying", record
    assert record["verdict"].strip(), record
    estimate = record["estimate"]
    assert estimate["dirty_bytes_per_second"] > estimate["bytes_per_second"] * 0.5, estimate
    record = check_taken_back(pair, "failed", "cancelled")
    assert record["failure"]["code"] == "timed-out", record


def test_switches_over_in_the_end(pair: Pair) -> None:
    """The same, and the guest has to stand still for longer than it was aimed at."""
    begin(pair, FAST, max_duration_ms=2000, on_timeout="switchover", max_downtime_ms=20000)
    record = check_completed(pair)
    assert record["downtime"]["total_us"] > 300_000, record["downtime"]


@pytest.mark.parametrize("action", ["switchover", "cancel"])
def test_held_until_told(pair: Pair, action: str) -> None:
    """The same, and it goes on copying until a client decides."""
    begin(pair, FAST, max_duration_ms=1500, on_timeout="hold", max_downtime_ms=20000)
    record = pair.a.wait_for("m1", "waiting-switchover")
    sent = record["devices"][0]["progress"]["bytes"]
    eventually(
        lambda: pair.a.migration("m1")["devices"][0]["progress"]["bytes"] > sent, "it goes on")
    pair.a.act("m1", action).ok()
    if action == "switchover":
        check_completed(pair)
    else:
        check_taken_back(pair, "cancelled")


def test_downtime_that_is_too_long(pair: Pair) -> None:
    """The devices run again when they would stand still for longer than is allowed."""
    begin(pair, FAST, switchover="manual", downtime_limit_ms=100, max_downtime_ms=150)
    pair.a.wait_for("m1", "copying", "waiting-switchover")
    pair.a.act("m1", "switchover").ok()
    record = check_taken_back(pair, "failed")
    assert record["failure"]["code"] == "downtime-exceeded", record


def test_downtime_that_is_too_long_and_taken(pair: Pair) -> None:
    """The same, and it goes on."""
    begin(
        pair, FAST, switchover="manual", downtime_limit_ms=100, max_downtime_ms=150,
        on_downtime_exceeded="continue")
    pair.a.wait_for("m1", "copying", "waiting-switchover")
    pair.a.act("m1", "switchover").ok()
    record = check_completed(pair)
    assert record["downtime"]["total_us"] > 150_000, record["downtime"]


def test_rate_is_kept(pair: Pair) -> None:
    """All streams of a group together stay below the limit."""
    pair.attach(2)
    pair.migrate(max_bytes_per_second=RATE, switchover="manual")
    record = pair.a.wait_for("m1", "waiting-switchover")
    rates = [device["progress"].get("bytes_per_second", 0) for device in record["devices"]]
    assert sum(rates) < 2 * RATE, record["devices"]
    pair.a.act("m1", "switchover").ok()
    settle(pair, "m1")


def test_stop_copy(pair: Pair) -> None:
    """Without pre-copy the device stands still from its first byte on."""
    pair.attach()
    pair.migrate(mode="stop-copy")
    record = check_completed(pair)
    entered = [entry["to"] for entry in record["arcs"] if entry["side"] == "source"]
    assert not {"PRE_COPY", "PRE_COPY_P2P"} & set(entered), entered


def test_four_gibibytes(pair: Pair) -> None:
    """At full speed, with the digest of every byte."""
    size = int(4 * GIB * SCALE)
    a = pair.a.attach("a0", seed=7, initial_bytes=size)
    before = a.checksum
    pair.b.attach("b0", seed=8, initial_bytes=size)
    pair.names.append(("a0", "b0"))
    pair.migrate()
    record = check_completed(pair)
    assert pair.b.device("b0").checksum == before
    assert record["devices"][0]["image"]["bytes"] == size + MIB
