"""A whole migration by one call: the source's agent coordinates it."""

import itertools
from collections.abc import Callable
from typing import Any

from agent import eventually
from clients import Client
from devices import Device
from migrate import Barrier, pass_at_once

# Software emulation takes its time; a limit that ends a migration is not what is looked at here.
LONG_MS = 600_000
ENDS = ("completed", "failed", "cancelled", "holding", "in-doubt")
NUMBERS = itertools.count()


def hand_over(
    pairs: list[tuple[Device, Device]], before_stop: Barrier = pass_at_once,
    has_run: Barrier = pass_at_once, **options: Any,
) -> dict[str, Any]:
    """Moves running devices; the migration as it stands at its end.

    The barriers are passed when nothing starts DMA of its own any more, and when the destination runs.
    """
    source = pairs[0][0].client
    path = begin(pairs, barriers=["before-stop"], barrier_timeout_ms=LONG_MS, **options)
    until(source, path, lambda migration: "reached_at" in migration["barriers"][0])
    before_stop()
    source.ask("POST", f"{path}/barriers/before-stop").ok()
    until(source, path, lambda migration: "downtime" in migration)
    has_run()
    migration = end_of(source, path)
    assert migration["phase"] == "completed", migration
    return migration


def begin(pairs: list[tuple[Device, Device]], **options: Any) -> str:
    """Asks the source for a migration that may take its time; its path."""
    source, destination = (device.client for device in pairs[0])
    name = f"m{next(NUMBERS)}"
    source.post("/v1/migrations", {
        "id": name, "destination": {"url": f"http://{destination.address}"},
        "devices": [{"source": a.id, "destination": b.id} for a, b in pairs],
        "max_downtime_ms": LONG_MS, "allow_sole_holder": True, **options,
    }).ok(202)
    return f"/v1/migrations/{name}"


def end_of(client: Client, path: str) -> dict[str, Any]:
    """A migration, once it has come to its end or needs an operator."""
    return until(client, path, lambda migration: migration["phase"] in ENDS)


def until(
    client: Client, path: str, is_there: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """A migration, once it has got so far; fails if it ends before."""
    migration: dict[str, Any] = {}

    def has_come() -> bool:
        migration.update(client.get(path).ok())
        assert is_there(migration) or migration["phase"] not in ENDS
        return is_there(migration)

    try:
        eventually(has_come, "the migration goes on")
    except AssertionError as late:
        raise AssertionError(migration) from late
    return migration


def stopped_us(migration: dict[str, Any]) -> int:
    """How long its devices were stopped by its own word: from the barrier `before-stop` to their run."""
    downtime = migration["downtime"]
    return int(downtime["total_us"] - downtime["quiesce_us"])


def check_order(migration: dict[str, Any]) -> None:
    """No device stopped before all of them stood with their DMA, and none ran before all could."""
    for side, first, then in (
        ("source", "PRE_COPY_P2P", "STOP_COPY"), ("destination", "RUNNING_P2P", "RUNNING"),
    ):
        arcs = [arc for arc in migration["arcs"] if arc["side"] == side]
        before = [arc["at"] for arc in arcs if arc["to"] == first]
        after = [arc["at"] for arc in arcs if arc["to"] == then and arc["from"] == first]
        assert before and after and max(before) <= min(after), arcs
