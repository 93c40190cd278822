"""A whole migration by the device API: what a client does step by step, in one function."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clients import end_curl, start_curl
from devices import Device

Barrier = Callable[[], object]


def pass_at_once() -> None:
    """A barrier that nobody waits at."""


@dataclass
class Migration:
    """What a migration left behind: all its arcs in their order, and how long its image is."""

    arcs: list[dict[str, Any]]
    bytes: int

    @property
    def stopped_us(self) -> int:
        """How long the arcs took for which nobody could use the device."""
        ends = [(arc["from"], arc["to"]) for arc in self.arcs]
        first = ends.index(("PRE_COPY_P2P", "STOP_COPY"))
        return sum(arc["duration_us"] for arc in self.arcs[first:])


def migrate(
    source: Device, destination: Device, before_stop: Barrier = pass_at_once,
    before_run: Barrier = pass_at_once, has_run: Barrier = pass_at_once,
) -> Migration:
    """Moves a running device's state: pre-copy, switchover, commit by length and digest, run.

    The barriers are passed before the source stops, before the destination runs, and when it does.
    """
    destination.go("RESUMING")
    arcs = list(source.go("PRE_COPY")["arcs"])
    down = start_curl("-f", "-N", _data(source), stdout=subprocess.PIPE)
    up = start_curl("-f", "-T", "-", _data(destination), stdin=down.stdout)
    source.client.get(
        f"{source.path}/precopy-info?max_age_ms=100&until=initial-done&wait_ms=30000").ok()
    arcs += source.go("PRE_COPY_P2P")["arcs"]
    before_stop()
    arcs += source.go("STOP_COPY")["arcs"]
    assert end_curl(down) == 0 and end_curl(up) == 0
    session = source.session
    assert session["phase"] == "complete"
    image = {"bytes": session["offset"], "sha256": session["sha256"]}
    arcs += destination.go("STOP", image=image)["arcs"]
    before_run()
    arcs += destination.go("RUNNING")["arcs"]
    has_run()
    assert source.go("STOP")["session_ended"]["outcome"] == "committed"
    return Migration(arcs, session["offset"])


def _data(device: Device) -> str:
    return f"http://{device.client.address}{device.path}/data"
