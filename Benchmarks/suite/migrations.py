"""Whole migrations: how fast they move an image, and how long the device stands still for it."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

from measuring import ROUNDS, Figure, alternate, ratios
from servers import GIB, MIB, Agent
from suite.streams import pipe, speeds

SIZE = 2 * GIB
NUMBERS = itertools.count()
ENDS = {"completed", "failed", "cancelled"}


def migrations() -> Iterator[Figure]:
    """A migration without pre-copy against GET data piped into PUT data by curl."""
    with Agent() as here, Agent() as there:
        source = here.attach("source", initial_bytes=SIZE)
        destination = there.attach("destination", initial_bytes=SIZE)

        def piped() -> float:
            here.go(source, "STOP", "STOP_COPY")
            there.go(destination, "RESUMING")
            speed = pipe(f"{here.url}{source}/data", f"{there.url}{destination}/data")
            for agent, device in ((here, source), (there, destination)):
                agent.ask("POST", f"{device}/reset")
            return speed

        def migrated() -> float:
            start = time.monotonic()
            migrate(here, there, mode="stop-copy", max_downtime_ms=600_000)
            seconds = time.monotonic() - start
            there.ask("POST", f"{destination}/reset")
            return SIZE / seconds

        values = alternate({"migration": migrated, "curl | curl -T -": piped})
    yield from speeds("2 GiB", values)
    yield Figure(
        "migration / curl | curl -T -", "",
        ratios(values["migration"], values["curl | curl -T -"]), ">=", 0.8)


def downtime() -> Iterator[Figure]:
    """What the handover adds to the time of the last bytes and of the arcs."""
    for devices in (1, 8):
        with Agent() as here, Agent() as there:
            group = [f"device-{number}" for number in range(devices)]
            for device in group:
                here.attach(device, initial_bytes=4 * MIB, stop_copy_bytes=4096)
                there.attach(device)
            records = [measured(here, there, group) for _ in range(ROUNDS)]
        name = f"downtime, {devices} device{'s' if devices > 1 else ''}"
        added = [overhead(record) / 1000 for record in records]
        if devices == 1:
            yield Figure(f"{name}, beyond bytes and arcs", "ms", added, "<", 5)
        else:
            yield Figure(f"{name}, beyond bytes and arcs", "ms", added)
        for part in ("quiesce", "stop", "drain", "prepare", "decide", "run"):
            yield Figure(
                f"{name}, {part}", "ms",
                [record["downtime"][f"{part}_us"] / 1000 for record in records])


def measured(here: Agent, there: Agent, group: list[str]) -> dict[str, Any]:
    """A migration whose devices have come to rest before they are stopped."""
    record = migrate(here, there, group)
    for device in group:
        there.ask("POST", f"/v1/devices/{device}/reset")
    return record


def overhead(record: dict[str, Any]) -> float:
    """The stop in microseconds, without its slowest arc of each kind.

    The few KiB that are left for the stop count as nothing: they stay in what is measured.
    """
    slowest: dict[tuple[str, str], int] = {}
    for arc in record["arcs"]:
        key = (arc["from"], arc["to"])
        slowest[key] = max(slowest.get(key, 0), arc["duration_us"])
    stop = [("PRE_COPY", "PRE_COPY_P2P"), ("PRE_COPY_P2P", "STOP_COPY"), ("RESUMING", "STOP"),
            ("STOP", "RUNNING_P2P"), ("RUNNING_P2P", "RUNNING")]
    return record["downtime"]["total_us"] - sum(slowest[arc] for arc in stop)


def migrate(
    here: Agent, there: Agent, group: list[str] | None = None, **options: Any
) -> dict[str, Any]:
    """Moves devices and waits for the end: the migration as it stands then."""
    identifier = f"m{next(NUMBERS)}"
    pairs = [{"source": device, "destination": device} for device in group or []]
    here.ask("POST", "/v1/migrations", {
        "id": identifier, "destination": {"url": there.url}, "allow_sole_holder": True,
        "devices": pairs or [{"source": "source", "destination": "destination"}], **options})
    path = f"/v1/migrations/{identifier}"
    record = here.ask("GET", path)
    while record["phase"] not in ENDS:
        record = here.ask(
            "GET", f"{path}?wait_ms=10000&after_generation={record['generation']}")
    assert record["phase"] == "completed", record
    return record
