"""What agents find in their state directories when they start."""

import signal
from pathlib import Path
from typing import Any

import pytest
from agent import Agent, eventually
from ends import ABORTED, COMPLETED, check, settle
from hosts import Host, Pair

pytest_plugins = ["stage"]


def journal(host: Host, migration: str = "m1") -> Path:
    """The journal of a migration."""
    return host.state / "migrations" / f"{migration}.journal"


def lines(path: Path) -> list[bytes]:
    """The records of a journal, as they stand there."""
    return path.read_bytes().rstrip(b"\0").splitlines(keepends=True)


def complete(pair: Pair) -> dict[str, set[str]]:
    """A migration that went well; the images that there were."""
    pair.attach()
    images = pair.images
    pair.migrate()
    settle(pair, "m1")
    assert pair.a.migration("m1")["phase"] == "completed"
    return images


def lasting(record: Any) -> dict[str, Any]:
    """What of a migration has to be there after a restart."""
    names = ("id", "role", "phase", "options", "created_at")
    kept = {name: record.get(name) for name in names}
    names = ("source", "destination", "state", "image")
    kept["devices"] = [{name: device.get(name) for name in names} for device in record["devices"]]
    return kept


@pytest.mark.parametrize("is_orderly", [True, False])
def test_ended_migrations_are_kept(pair: Pair, is_orderly: bool) -> None:
    """After a restart they are what they were, and nothing moves."""
    images = complete(pair)
    before = [lasting(side.migration("m1")) for side in (pair.a, pair.b)]
    for side in (pair.a, pair.b):
        if is_orderly:
            side.agent.terminate()
            assert side.agent.wait() == 0
        side.kill()
        side.restart()
    after = [lasting(side.migration("m1")) for side in (pair.a, pair.b)]
    assert after == before
    check(pair, images, COMPLETED)


def test_generations_go_on(pair: Pair) -> None:
    """What a client knows from before a restart is not mistaken for what is now."""
    complete(pair)
    for side in (pair.a, pair.b):
        before = side.migration("m1")["generation"]
        side.kill()
        side.restart()
        assert side.migration("m1")["generation"] >= before


def test_many_idle_journals(pair: Pair) -> None:
    """They are all read, and cost nothing else."""
    pair.attach()
    for number in range(40):
        pair.migrate(f"m{number}", switchover="manual")
        pair.a.act(f"m{number}", "cancel").ok()
        settle(pair, f"m{number}")
    for side in (pair.a, pair.b):
        side.kill()
        side.restart()
        items = side.client.get("/v1/migrations?limit=500").ok()["items"]
        # One that was cancelled before it was opened there has left a tombstone alone.
        assert len(items) == 40 if side is pair.a else items
        assert {item["phase"] for item in items} <= {"cancelled", "discarded"}
    pair.migrate("last")
    settle(pair, "last")
    assert pair.a.migration("last")["phase"] == "completed"


def test_orderly_end_in_the_middle(pair: Pair) -> None:
    """SIGTERM while it copies: the devices run on, and the group ends whole."""
    pair.attach()
    images = pair.images
    pair.migrate(switchover="manual")
    pair.a.wait_for("m1", "waiting-switchover")
    pair.a.agent.terminate(signal.SIGTERM)
    pair.a.agent.wait()
    pair.a.kill()
    pair.a.restart()
    record = eventually(
        lambda: (seen := pair.a.migration("m1"))["phase"] != "pending" and seen, "it goes on")
    if record["phase"] in ("copying", "waiting-switchover"):
        pair.a.act("m1", "cancel").ok()
    check(pair, images, ABORTED)


@pytest.mark.parametrize("tail", ["half a record", "half of the last one"])
def test_torn_tail(pair: Pair, tail: str) -> None:
    """A record that was cut short is none: what came before it holds."""
    images = complete(pair)
    pair.a.kill()
    path = journal(pair.a)
    records = lines(path)
    if tail == "half a record":
        records.append(b"0123456789abcdef {\"record\":\"abor")
    else:
        records[-1] = records[-1][:len(records[-1]) // 2]
    content = b"".join(records)
    path.write_bytes(content + bytes(max(0, path.stat().st_size - len(content))))
    pair.a.restart()
    check(pair, images, COMPLETED)


def refuses(host: Host) -> str:
    """The log of an agent that does not start on this."""
    host.begin()
    assert host.agent.wait() != 0
    host.agent.discard()
    return host.log


def test_corrupt_middle(pair: Pair) -> None:
    """Nothing is guessed: the agent refuses to start, and names the file."""
    complete(pair)
    pair.a.kill()
    path = journal(pair.a)
    records = lines(path)
    assert len(records) > 2
    spoilt = bytearray(path.read_bytes())
    spoilt[len(records[0]) + len(records[1]) // 2] ^= 1
    path.write_bytes(spoilt)
    assert path.name in refuses(pair.a)


def test_corrupt_beginning(pair: Pair) -> None:
    """The same for the first record, and for a file that never was a journal."""
    complete(pair)
    pair.a.kill()
    path = journal(pair.a)
    path.write_bytes(b"not a journal\n")
    assert path.name in refuses(pair.a)


def test_one_agent_per_directory(pair: Pair, tmp_path: Path) -> None:
    """A second agent refuses to start, and the first one does not notice."""
    second = Agent(
        tmp_path / "second", "--simulate", "0", "--state-directory", str(pair.a.state))
    try:
        assert second.wait() != 0
        assert str(pair.a.state) in second.log
    finally:
        second.discard()
    assert pair.a.client.get("/v1/migrations").status == 200
