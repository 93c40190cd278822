"""Requests that are repeated and late, bytes that are changed, destinations that refuse, full disks."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agent import KIB, MIB, PATIENCE, eventually
from cases import AGENT, MIGRATION, PARTY, SecondParty, logs
from ends import ABORTED, COMPLETED, check, judge, settle
from gate import UPLOAD
from hosts import PLAN, Host, Pair

pytest_plugins = ["stage"]

Note = Callable[[str, str, str, str], None]
# The beginning, the middle, and what only STOP_COPY delivers.
PLACES = {
    "header": 2 * KIB, "pre-copy": 2 * MIB, "stop-copy": PLAN["initial_bytes"] + 512 * KIB,
}


def play(pair: Pair, driver: str, images: dict[str, set[str]]) -> str:
    """Lets it come to its end, whoever drives; the kind of end."""
    party = SecondParty(pair, pair.a.folder) if driver == PARTY else None
    if not party:
        pair.migrate(MIGRATION)
    try:
        settle(pair, MIGRATION, lambda: bool(party and party.is_running))
        end = judge(pair, MIGRATION, images)
        assert not end.faults, (end, logs(pair, party))
        return end.kind
    finally:
        if party:
            party.kill()


@pytest.fixture
def images(pair: Pair) -> dict[str, set[str]]:
    """One device on each side, and what the source's holds."""
    pair.attach()
    return pair.images


@pytest.mark.parametrize("driver", [AGENT, PARTY])
@pytest.mark.parametrize("place", PLACES)
def test_changed_bit(
    pair: Pair, images: dict[str, set[str]], driver: str, place: str, note: Note
) -> None:
    """An image with one wrong bit never runs."""
    pair.b.gate.flips_at = PLACES[place]
    kind = play(pair, driver, images)
    assert pair.b.gate.flips_at is None, "the bit was changed"
    note(f"{driver}, on the way", place, "changed bit", kind)
    assert kind in (COMPLETED, ABORTED)


@pytest.mark.parametrize("driver", [AGENT, PARTY])
@pytest.mark.parametrize("place", ["pre-copy", "stop-copy"])
def test_cut_stream(
    pair: Pair, images: dict[str, set[str]], driver: str, place: str, note: Note
) -> None:
    """A stream that breaks goes on, or the device stays where it is."""
    trap = pair.b.gate.hold(UPLOAD, after_bytes=PLACES[place])

    def strike() -> None:
        eventually(trap.reached.is_set, "the stream is there")
        pair.b.gate.end_passages()
        trap.released.set()

    striker = threading.Thread(target=strike)
    striker.start()
    kind = play(pair, driver, images)
    striker.join()
    note(f"{driver}, on the way", place, "cut stream", kind)
    assert kind == COMPLETED if driver == AGENT else kind in (COMPLETED, ABORTED)


@pytest.mark.parametrize("driver", [AGENT, PARTY])
@pytest.mark.parametrize("request_", ["/prepare HTTP", "/run HTTP", "POST /v1/migrations HTTP"])
def test_repeated_request(
    pair: Pair, images: dict[str, set[str]], driver: str, request_: str, note: Note
) -> None:
    """What comes twice is done once."""
    pair.b.gate.repeats = request_
    kind = play(pair, driver, images)
    note(f"{driver}, on the way", request_.split()[0].strip("/"), "repeated", kind)
    assert kind == COMPLETED


def test_late_requests(pair: Pair, images: dict[str, set[str]]) -> None:
    """What the source has sent before it gave up arrives afterwards: nothing runs there."""
    trap = pair.b.gate.hold("/prepare HTTP")
    pair.migrate(MIGRATION, max_downtime_ms=500)
    eventually(trap.reached.is_set, "it is on its way")
    pair.a.wait_for(MIGRATION, "failed")
    assert pair.a.device("a0").state == "RUNNING"
    trap.released.set()
    check(pair, images, ABORTED)


@pytest.mark.parametrize("driver", [AGENT, PARTY])
def test_destination_that_is_taken(
    pair: Pair, images: dict[str, set[str]], driver: str, note: Note
) -> None:
    """The destination's device belongs to another migration, which does not notice."""
    a = pair.a.device("a0").resource
    taken = [{"source": "x", "destination": "b0", "identity": a["identity"],
              "features": a["features"]}]
    pair.b.post({"id": "m0", "role": "destination", "epoch": 1, "devices": taken}).ok(201)
    party = SecondParty(pair, pair.a.folder) if driver == PARTY else None
    if not party:
        pair.migrate(MIGRATION)
    record = pair.a.wait_for(MIGRATION, "failed" if driver == AGENT else "cancelled")
    assert pair.a.device("a0").checksum in images["a0"]
    assert pair.b.device("b0").resource["claimed_by"] == "m0"
    if party:
        assert party.process.wait(PATIENCE) == 1
    else:
        assert record["failure"]["peer"]["code"] == "device-claimed", record
    note(f"{driver}, on the way", "preflight", "destination taken", ABORTED)


def test_destination_that_nobody_answers_at(pair: Pair, images: dict[str, set[str]]) -> None:
    """The source runs on, and is free again."""
    pair.b.gate.cut()
    pair.migrate(MIGRATION)
    record = pair.a.wait_for(MIGRATION, "failed")
    assert record["failure"]["code"] == "peer-unreachable", record
    reachable = [c for c in record["conditions"] if c["type"] == "PeerReachable"]
    assert reachable and not reachable[0]["status"]
    assert "claimed_by" not in pair.a.device("a0").resource
    pair.b.gate.mend()
    settle(pair, MIGRATION)


def test_network_that_comes_back(pair: Pair, images: dict[str, set[str]]) -> None:
    """As long as nobody answers the verdict says so; then it goes on."""
    def is_reachable() -> bool:
        record = pair.a.migration(MIGRATION)
        condition = next(c for c in record["conditions"] if c["type"] == "PeerReachable")
        assert condition["status"] is not ("does not answer" in record["verdict"]), record
        return bool(condition["status"])

    pair.migrate(MIGRATION, switchover="manual")
    pair.a.wait_for(MIGRATION, "waiting-switchover")
    assert is_reachable()
    pair.b.gate.cut()
    eventually(lambda: not is_reachable(), "the source knows")
    pair.b.gate.mend()
    eventually(is_reachable, "the source knows again")
    pair.a.act(MIGRATION, "switchover").ok()
    check(pair, images, COMPLETED)


# Full disks

@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> None:
    """Takes all the room that is left."""
    with (place / "ballast").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4 * KIB))
        except OSError:
            return


@pytest.mark.parametrize("side", ["source", "destination"])
def test_full_disk(tmp_path: Path, small_disk: Path, side: str, note: Note) -> None:
    """What has begun comes to its end, nothing new begins, and room makes it possible again."""
    pair = Pair(tmp_path)
    try:
        crowded = pair.a if side == "source" else pair.b
        crowded.end()
        crowded = Host(tmp_path / "crowded", state=small_disk / "state").start()
        pair.a, pair.b = (crowded, pair.b) if side == "source" else (pair.a, crowded)
        pair.attach(2)
        images = pair.images
        both, pair.names = pair.names, pair.names[:1]
        pair.migrate(MIGRATION, switchover="manual")
        pair.a.wait_for(MIGRATION, "waiting-switchover")
        fill(small_disk)
        pair.a.act(MIGRATION, "switchover").ok()
        settle(pair, MIGRATION)
        end = judge(pair, MIGRATION, images)
        note("agent, full disk", side, "full disk", end.kind)
        assert end.kind == COMPLETED and not end.faults, end
        pair.names = both[1:]
        answer = pair.a.post(pair.request("m2"))
        if side == "source":
            assert answer.problem(507, "journal-failed")["errno"] == "ENOSPC"
        else:
            answer.ok(202)
            failure = pair.a.wait_for("m2", "failed")["failure"]
            assert failure["peer"]["code"] == "journal-failed", failure
        assert pair.a.device("a1").state == "RUNNING"
        eventually(lambda: "claimed_by" not in pair.a.device("a1").resource, "it is free")
        (small_disk / "ballast").unlink()
        pair.migrate("m3")
        settle(pair, "m3")
        assert pair.a.migration("m3")["phase"] == "completed"
    finally:
        pair.end()
