"""Where a handover has ended, judged from outside: by what both agents say of their devices."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent import PATIENCE
from hosts import ENDS, Pair

COMPLETED, ABORTED, HOLDING = "completed", "aborted", "holding"
# How long both have to stand still before nobody expects anything of them any more.
STILL_SECONDS = 3.0


@dataclass
class End:
    """What was seen at the end."""

    kind: str
    # What is wrong with it, whatever was expected.
    faults: list[str]
    seen: dict[str, Any]


def settle(pair: Pair, migration: str, is_waiting: Callable[[], bool] = lambda: False) -> None:
    """Waits until both sides have ended, or stand still; and nobody else is at it."""
    deadline = time.monotonic() + PATIENCE
    still_since: float | None = None
    while time.monotonic() < deadline:
        phases = [side.migration(migration) for side in (pair.a, pair.b)]
        a, b = (phase and phase["phase"] for phase in phases)
        # A void is answered by a discard.
        is_over = (a is None or a in ENDS) and (b is None or b in ENDS and b != "void")
        if is_over and not is_waiting():
            return release_of(pair, deadline)
        if "holding" in (a, b) or a == "in-doubt":
            still_since = still_since or time.monotonic()
            if time.monotonic() > still_since + STILL_SECONDS:
                return
        else:
            still_since = None
        time.sleep(0.05)
    raise AssertionError(f"no end: {[side.migration(migration) for side in (pair.a, pair.b)]}")


def release_of(pair: Pair, deadline: float) -> None:
    """Waits until the devices are given back, which comes just after the end."""
    while time.monotonic() < deadline:
        sides = [(pair.a, a) for a, _ in pair.names] + [(pair.b, b) for _, b in pair.names]
        found = [side.client.get(f"/v1/devices/{device}") for side, device in sides]
        if not any(answer.status == 200 and "claimed_by" in answer.json for answer in found):
            return
        time.sleep(0.02)


def judge(pair: Pair, migration: str, images: dict[str, set[str]]) -> End:
    """The end, given the images of every source device that there were since the beginning.

    Completed: every destination runs an image of its source, no source does. Aborted: the other way
    round. Holding: none runs one, and there is still a copy of it. Everything else is a loss, or runs
    twice.
    """
    sources = [pair.a.client.get(f"/v1/devices/{a}").ok() for a, _ in pair.names]
    others = [pair.b.client.get(f"/v1/devices/{b}").ok() for _, b in pair.names]
    records = [side.migration(migration) for side in (pair.a, pair.b)]
    known = [images[device["id"]] for device in sources]
    runs_here = [is_running(*pair) for pair in zip(sources, known)]
    runs_there = [is_running(*pair) for pair in zip(others, known)]
    kept = [
        checksum(one) in image or checksum(other) in image
        for one, other, image in zip(sources, others, known)
    ]
    if any(record and record["phase"] == HOLDING for record in records) and not any(runs_here):
        # Of a group that was stopped half way some may run at the destination.
        kind = HOLDING if all(kept) or any(runs_there) else "lost"
    elif all(runs_there) and not any(runs_here):
        kind = COMPLETED
    elif all(runs_here) and not any(runs_there):
        kind = ABORTED
    elif not any(runs_here) and not any(runs_there):
        # Both stand still with nobody knowing of it: the image will not run again by itself.
        is_known = any(record and record["phase"] == "in-doubt" for record in records)
        kind = HOLDING if all(kept) and is_known else "lost"
    else:
        kind = "twice" if any(a and b for a, b in zip(runs_here, runs_there)) else "torn"
    faults = list(contradictions(kind, records, sources, others))
    seen = {"sources": sources, "destinations": others, "records": records}
    return End(kind, faults, seen)


def check(pair: Pair, images: dict[str, set[str]], kind: str) -> Any:
    """The only handover ends like that, and nothing contradicts it; the source's object."""
    settle(pair, "m1")
    end = judge(pair, "m1", images)
    assert end.kind == kind and not end.faults, end
    return pair.a.migration("m1")


def complete(pair: Pair, identifier: str = "m1", **members: Any) -> Any:
    """A migration that went well; the source's object."""
    pair.migrate(identifier, **members)
    settle(pair, identifier)
    record = pair.a.migration(identifier)
    assert record["phase"] == "completed", record
    return record


def checksum(device: Any) -> str | None:
    """The digest of a device's state, where it is at rest."""
    found = device["identity"].get("state_checksum")
    return None if found is None else str(found)


def is_running(device: Any, images: set[str]) -> bool:
    """Whether a device runs one of these images."""
    return device["state"] not in ("STOP", "STOP_COPY", "RESUMING", "ERROR") and (
        checksum(device) in images or checksum(device) is None)


def contradictions(
    kind: str, records: list[Any], sources: list[Any], others: list[Any]
) -> list[str]:
    """Where what the agents say of the migration is not what the devices show."""
    a, b = (record and record["phase"] for record in records)
    found = []
    wanted = {
        COMPLETED: ({"completed"}, {"completed"}),
        ABORTED: ({"failed", "cancelled", None}, {"discarded", "void", None}),
    }.get(kind)
    if wanted and not (a in wanted[0] and b in wanted[1]):
        found.append(f"{kind}, and the phases are {a} and {b}")
    for device in sources + others:
        if wanted and "claimed_by" in device:
            found.append(f"{device['id']} is claimed still")
    for device in sources:
        note = device.get("handed_over")
        # Of a device that its guest has reset meanwhile there is nothing to hand over.
        is_kept = kind == COMPLETED and device["state"] == "STOP"
        if is_kept != (note is not None):
            found.append(f"{device['id']} is in {device['state']}, and handed_over is {note}")
    return found
