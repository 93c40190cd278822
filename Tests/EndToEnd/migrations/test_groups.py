"""Groups of devices: one decision, and one order of arcs for all of them."""

from datetime import datetime
from typing import Any

import pytest
from ends import ABORTED, COMPLETED, check, judge, settle
from hosts import Pair

pytest_plugins = ["stage"]

# Much longer than what two clocks and a rounding differ by.
LATENCY_US = 5000
SLACK_SECONDS = 0.002


def span(entry: Any) -> tuple[float, float]:
    """When an arc began and when it was done, in seconds."""
    done = datetime.fromisoformat(entry["at"].replace("Z", "+00:00")).timestamp()
    return done - entry["duration_us"] / 1e6, done


def check_in_step(arcs: list[Any], side: str, count: int, first: str, then: str) -> None:
    """No device begins to enter the second state before all of them are in the first."""
    ours = [entry for entry in arcs if entry["side"] == side]
    firsts = [span(entry) for entry in ours if entry["to"] == first]
    seconds = [span(entry) for entry in ours if entry["to"] == then and entry["from"] == first]
    assert len(firsts) == len(seconds) == count, arcs
    assert min(begin for begin, _ in seconds) >= max(done for _, done in firsts) - SLACK_SECONDS


def attach_unequal(pair: Pair, count: int) -> None:
    """The first device takes much longer for its arcs than the others."""
    pair.attach(count, initial_bytes=1 << 20, stop_copy_bytes=1 << 16, arc_latency_us=LATENCY_US)
    for side, name in ((pair.a, "a0"), (pair.b, "b0")):
        side.device(name).detach()
        plan = side.plans[name] | {"arc_latency_us": 10 * LATENCY_US}
        attach = side.attach_loaded if side is pair.a else side.attach
        attach(name, **plan)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_in_step(pair: Pair, count: int) -> None:
    """All to PRE_COPY_P2P before one stops, all to RUNNING_P2P before one runs."""
    attach_unequal(pair, count)
    images = pair.images
    # How fast it goes does not matter here: what is left of a slow group has its time.
    pair.migrate(downtime_limit_ms=10_000)
    check(pair, images, COMPLETED)
    arcs = pair.a.migration("m1")["arcs"]
    check_in_step(arcs, "source", count, "PRE_COPY_P2P", "STOP_COPY")
    check_in_step(pair.b.migration("m1")["arcs"], "destination", count, "RUNNING_P2P", "RUNNING")
    # The source's object has both sides' arcs.
    assert {entry["side"] for entry in arcs} == {"source", "destination"}


def test_rolled_back_in_step(pair: Pair) -> None:
    """A group that stopped runs again as it stopped: none before all are in RUNNING_P2P."""
    attach_unequal(pair, 3)
    images = pair.images
    pair.migrate(barriers=["before-run"])
    pair.a.wait_for("m1", "preparing")
    pair.a.act("m1", "cancel").ok()
    check(pair, images, ABORTED)
    check_in_step(pair.a.migration("m1")["arcs"], "source", 3, "RUNNING_P2P", "RUNNING")


@pytest.mark.parametrize("count", [2, 8])
def test_one_that_cannot_prepare_aborts_all(pair: Pair, count: int) -> None:
    """The last device refuses its image: no other one runs there."""
    # RUNNING to RUNNING_P2P, STOP, RESUMING, and then STOP.
    pair.attach(count - 1, initial_bytes=1 << 20, stop_copy_bytes=1 << 16)
    fault = {"on": "arc", "nth": 4, "action": "errno", "errno": "EINVAL"}
    sizes: dict[str, Any] = {"initial_bytes": 1 << 20, "stop_copy_bytes": 1 << 16}
    pair.a.attach_loaded("last-a", seed=90, **sizes)
    pair.b.attach("last-b", seed=590, faults=[fault], **sizes)
    pair.names.append(("last-a", "last-b"))
    images = pair.images
    pair.migrate()
    check(pair, images, ABORTED)
    failure = pair.a.migration("m1")["failure"]
    assert failure["peer"]["code"] == "image-rejected", failure


def test_group_without_p2p(pair: Pair) -> None:
    """Several devices that cannot be quiesced are refused, unless somebody takes the risk."""
    pair.attach(2, features=["STOP_COPY", "PRE_COPY"])
    images = pair.images
    pair.a.post(pair.request()).problem(422, "p2p-required")
    assert all("claimed_by" not in pair.a.device(a).resource for a, _ in pair.names)
    pair.migrate(allow_missing_p2p=True)
    check(pair, images, COMPLETED)


@pytest.mark.parametrize("features", [
    ["STOP_COPY"], ["STOP_COPY", "P2P"], ["STOP_COPY", "PRE_COPY"],
], ids="+".join)
def test_single_devices_with_fewer_features(pair: Pair, features: list[str]) -> None:
    """One device migrates with whatever it has."""
    pair.attach(features=features)
    images = pair.images
    pair.migrate()
    check(pair, images, COMPLETED)


def test_any_destination(pair: Pair) -> None:
    """`auto` takes devices that are free and fit, each once."""
    pair.attach(3)
    images = pair.images
    request = pair.request()
    request["devices"] = [{"source": a} for a, _ in pair.names]
    pair.a.post(request).ok(202)
    settle(pair, "m1")
    record = pair.a.migration("m1")
    assert record["phase"] == COMPLETED
    taken = [device["destination"] for device in record["devices"]]
    assert sorted(taken) == [b for _, b in pair.names]
    pair.names = [(device["source"], device["destination"]) for device in record["devices"]]
    end = judge(pair, "m1", images)
    assert end.kind == COMPLETED and not end.faults, end
