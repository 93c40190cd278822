"""Drivers that decline, fail or go to ERROR, at each arc of a handover and while bytes move."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from agent import eventually
from cases import AGENT, MIGRATION, PARTY, SecondParty, logs
from ends import ABORTED, COMPLETED, HOLDING, is_running, judge, settle
from hosts import LOADING_ARCS, Pair

pytest_plugins = ["stage"]

# The arcs of a source that is loaded already, and of a destination.
TO_PRE_COPY, TO_PRE_COPY_P2P, TO_STOP_COPY, LETS_GO = range(LOADING_ARCS + 1, LOADING_ARCS + 5)
TO_RESUMING, TO_STOP, TO_RUNNING_P2P, TO_RUNNING = range(3, 7)
MOST_TRIES = 64


@dataclass(frozen=True)
class Flaw:
    """A fault of a device on one side, and what may come of it."""

    side: str
    name: str
    on: str
    nth: int
    action: str
    ends: frozenset[str]
    errno: str = ""

    def __str__(self) -> str:
        return f"{self.side}-{self.name}-{self.errno or self.action}".replace(" ", "-")

    @property
    def plan(self) -> dict[str, Any]:
        """The plan of the device."""
        fault = {"on": self.on, "nth": self.nth, "action": self.action}
        return {"faults": [fault | ({"errno": self.errno} if self.errno else {})]}


def failing(arc: int) -> dict[str, Any]:
    """The plan of a device that fails at an arc, however often it is tried."""
    faults = [
        {"on": "arc", "nth": number, "action": "errno", "errno": "EIO"}
        for number in range(arc, arc + MOST_TRIES)
    ]
    return {"faults": faults}


def flaw(side: str, name: str, on: str, nth: int, how: str, *ends: str) -> Flaw:
    """A flaw, by the errno or the action."""
    is_errno = how.startswith("E")
    action, errno = ("errno", how) if is_errno else (how, "")
    return Flaw(side, name, on, nth, action, frozenset(ends), errno)


ANY = (COMPLETED, ABORTED, HOLDING)
FLAWS = [
    flaw("source", "to PRE_COPY", "arc", TO_PRE_COPY, "EBUSY", COMPLETED, ABORTED),
    flaw("source", "to PRE_COPY", "arc", TO_PRE_COPY, "EIO", ABORTED),
    flaw("source", "to PRE_COPY", "arc", TO_PRE_COPY, "emfile-after", COMPLETED, ABORTED),
    flaw("source", "to PRE_COPY_P2P", "arc", TO_PRE_COPY_P2P, "EBUSY", COMPLETED, ABORTED),
    flaw("source", "to PRE_COPY_P2P", "arc", TO_PRE_COPY_P2P, "EIO", ABORTED),
    flaw("source", "to STOP_COPY", "arc", TO_STOP_COPY, "EBUSY", COMPLETED, ABORTED),
    flaw("source", "to STOP_COPY", "arc", TO_STOP_COPY, "EIO", ABORTED),
    flaw("source", "read", "read", 3, "EIO", COMPLETED, ABORTED),
    flaw("source", "idle", "idle", 1, "EIO", COMPLETED, ABORTED),
    flaw("source", "lets go", "arc", LETS_GO, "EBUSY", COMPLETED),
    flaw("destination", "to RESUMING", "arc", TO_RESUMING, "EBUSY", COMPLETED, ABORTED),
    flaw("destination", "to RESUMING", "arc", TO_RESUMING, "EIO", ABORTED, COMPLETED),
    flaw("destination", "to RESUMING", "arc", TO_RESUMING, "emfile-after", ABORTED, COMPLETED),
    flaw("destination", "to RESUMING", "arc", TO_RESUMING, "error-state", ABORTED, COMPLETED),
    flaw("destination", "write", "write", 2, "EIO", COMPLETED, ABORTED),
    flaw("destination", "write", "write", 2, "error-state", COMPLETED, ABORTED),
    flaw("destination", "to STOP", "arc", TO_STOP, "EINVAL", ABORTED),
    flaw("destination", "to STOP", "arc", TO_STOP, "EBUSY", COMPLETED, ABORTED),
    flaw("destination", "to STOP", "arc", TO_STOP, "error-state", ABORTED),
    flaw("destination", "to RUNNING_P2P", "arc", TO_RUNNING_P2P, "EBUSY", COMPLETED),
    flaw("destination", "to RUNNING_P2P", "arc", TO_RUNNING_P2P, "EIO", *ANY),
    flaw("destination", "to RUNNING_P2P", "arc", TO_RUNNING_P2P, "error-state", *ANY),
    flaw("destination", "to RUNNING", "arc", TO_RUNNING, "EBUSY", COMPLETED),
    flaw("destination", "to RUNNING", "arc", TO_RUNNING, "EIO", *ANY),
    flaw("destination", "to RUNNING", "arc", TO_RUNNING, "error-state", *ANY),
]


@pytest.mark.parametrize("driver", [AGENT, PARTY])
@pytest.mark.parametrize("flaw", FLAWS, ids=str)
def test_device_that_fails(
    pair: Pair, flaw: Flaw, driver: str, note: Callable[[str, str, str, str], None]
) -> None:
    """The group ends whole, on one side."""
    is_source = flaw.side == "source"
    pair.attach(**{"a" if is_source else "b": flaw.plan})
    images = pair.images
    party = None
    if driver == PARTY:
        party = SecondParty(pair, pair.a.folder)
    else:
        pair.migrate(MIGRATION)
    try:
        settle(pair, MIGRATION, lambda: bool(party and party.is_running))
        end = judge(pair, MIGRATION, images)
        note(f"{driver}, devices that fail", flaw.side, f"{flaw.name} {flaw.errno or flaw.action}",
             end.kind)
        assert end.kind in flaw.ends and not end.faults, (end, logs(pair, party))
    finally:
        if party:
            party.kill()


@pytest.mark.parametrize("arc", [TO_PRE_COPY, TO_PRE_COPY_P2P, TO_STOP_COPY])
def test_source_that_goes_to_error(pair: Pair, arc: int) -> None:
    """The hardware has failed, and its image with it: the destination must not run half of it."""
    fault = {"on": "arc", "nth": arc, "action": "error-state"}
    pair.attach(a={"faults": [fault]})
    pair.migrate()
    settle(pair, "m1")
    record = pair.a.migration("m1")
    assert record["phase"] == "failed", record
    assert pair.a.device("a0").state == "ERROR"
    assert pair.b.migration("m1")["phase"] == "discarded"
    assert pair.b.device("b0").state == "RUNNING"
    pair.a.device("a0").reset().ok()


def test_one_of_a_group_goes_to_error(pair: Pair) -> None:
    """The others run again at the source."""
    fault = {"on": "arc", "nth": TO_STOP_COPY, "action": "error-state"}
    pair.attach(2)
    pair.a.attach_loaded("broken", seed=70, faults=[fault])
    pair.b.attach("other", seed=570)
    images = pair.images
    request = pair.request()
    request["devices"].append({"source": "broken", "destination": "other"})
    pair.a.post(request).ok(202)
    settle(pair, "m1")
    assert pair.a.migration("m1")["phase"] == "failed"
    end = judge(pair, "m1", images)
    assert end.kind == ABORTED and not end.faults, end


@pytest.mark.parametrize("arc", [TO_RUNNING_P2P, TO_RUNNING])
def test_void_says_that_nothing_runs(pair: Pair, arc: int) -> None:
    """When the source runs again, the destination's device does not, discarded or not."""
    pair.attach(b=failing(arc))
    image = pair.a.device("a0").checksum
    discard = pair.b.gate.hold("/discard HTTP")
    pair.migrate()
    eventually(
        lambda: discard.reached.is_set() or pair.a.migration("m1")["phase"] == "holding",
        "the source has its answer")
    device = pair.b.device("b0").resource
    if pair.a.device("a0").state == "RUNNING":
        assert not is_running(device, {image}), device
    discard.released.set()
    settle(pair, "m1")


def test_half_of_a_group_runs(pair: Pair) -> None:
    """The destination cannot run all of them: both stand still, and the operator is asked."""
    pair.attach(1)
    pair.a.attach_loaded("a-last", seed=70)
    pair.b.attach("b-last", seed=570, **failing(TO_RUNNING))
    pair.names.append(("a-last", "b-last"))
    pair.migrate()
    settle(pair, "m1")
    assert pair.b.migration("m1")["phase"] == "holding"
    assert pair.a.migration("m1")["phase"] in ("holding", "in-doubt")
    for a, _ in pair.names:
        assert pair.a.device(a).state == "STOP_COPY", "the copies are kept"
    word = {"action": "give_up", "fenced": True, "reason": "half of it failed"}
    pair.b.act("m1", "resolve", word).ok()
    pair.a.wait_for("m1", "failed")
    assert all(pair.a.device(a).state == "RUNNING" for a, _ in pair.names)
