"""A whole migration by one call: the source's agent coordinates it."""

import itertools
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
    source, destination = (device.client for device in pairs[0])
    name = f"m{next(NUMBERS)}"
    path = f"/v1/migrations/{name}"
    source.post("/v1/migrations", {
        "id": name, "destination": {"url": f"http://{destination.address}"},
        "devices": [{"source": a.id, "destination": b.id} for a, b in pairs],
        "barriers": ["before-stop"], "barrier_timeout_ms": LONG_MS, "max_downtime_ms": LONG_MS,
        "allow_sole_holder": True, **options,
    }).ok(202)

    def is_reached() -> bool:
        migration = source.get(path).ok()
        assert migration["phase"] not in ENDS, migration
        return "reached_at" in migration["barriers"][0]

    eventually(is_reached, "the barrier is reached")
    before_stop()
    source.ask("POST", f"{path}/barriers/before-stop").ok()
    migration = end_of(source, path)
    has_run()
    assert migration["phase"] == "completed", migration
    return migration


def end_of(client: Client, path: str) -> dict[str, Any]:
    """A migration, once it has come to its end or needs an operator."""
    migration: dict[str, Any] = {}

    def has_ended() -> bool:
        migration.update(client.get(path).ok())
        return migration["phase"] in ENDS

    try:
        eventually(has_ended, "the migration ends")
    except AssertionError as late:
        raise AssertionError(migration) from late
    return migration


def check_order(migration: dict[str, Any]) -> None:
    """No device stopped before all of them stood with their DMA, and none ran before all could."""
    for side, first, then in (
        ("source", "PRE_COPY_P2P", "STOP_COPY"), ("destination", "RUNNING_P2P", "RUNNING"),
    ):
        arcs = [arc for arc in migration["arcs"] if arc["side"] == side]
        before = [arc["at"] for arc in arcs if arc["to"] == first]
        after = [arc["at"] for arc in arcs if arc["to"] == then and arc["from"] == first]
        assert before and after and max(before) <= min(after), arcs
