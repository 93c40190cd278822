"""Measures Ferry beside its peers, in a network namespace of its own: `make bench`.

Arguments: the suites to run; without any, all of them.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measuring import Figure
from servers import BUILT, ROOT
from suite import footprint, migrations, requests, streams

SUITES: dict[str, Callable[[], Iterator[Figure]]] = {
    "start": footprint.start,
    "devices": footprint.devices,
    "connections": footprint.connections,
    "idle": footprint.idle,
    "allocations": footprint.allocations,
    "downloads": streams.downloads,
    "uploads": streams.uploads,
    "pipes": streams.pipes,
    "parallel": streams.parallel,
    "pace": streams.pace,
    "migrations": migrations.migrations,
    "downtime": migrations.downtime,
    "requests": requests.requests,
}
CONGESTION_CONTROL = Path("/proc/sys/net/ipv4/tcp_congestion_control")
RESULTS = BUILT / "results.json"


def enter_namespace() -> None:
    """Runs this again in a network namespace that has loopback alone, with reno."""
    if os.environ.get("FERRY_BENCHMARK") != "1":
        become = [] if os.getuid() == 0 else ["--map-root-user"]
        os.environ["FERRY_BENCHMARK"] = "1"
        os.execvp("unshare", ["unshare", "--net", *become, sys.executable, *sys.argv])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    CONGESTION_CONTROL.write_text("reno")


def shown(value: float) -> str:
    """A number with as many digits as it deserves."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def row(figure: Figure) -> str:
    """A line of the table."""
    low, high = shown(min(figure.values)), shown(max(figure.values))
    bar = f"{figure.must} {figure.bar:g} {'✓' if figure.is_met else '✗'}" if figure.must else ""
    noise = f"{low} … {high}" if len(figure.values) > 1 else ""
    median = f"{shown(figure.median)} {figure.unit}".strip()
    name = figure.name.replace("|", "\\|")
    return f"| {name} | {median} | {noise} | {bar} |"


def main() -> None:
    """Runs the suites, prints a table, and writes all values to a file."""
    names = sys.argv[1:] or list(SUITES)
    unknown = set(names) - set(SUITES)
    if unknown:
        sys.exit(f"no suite {', '.join(unknown)}: there are {', '.join(SUITES)}")
    enter_namespace()
    print(f"Linux {platform.release()}, {os.cpu_count()} cores, reno; medians, least and most\n")
    print("| measure | median | noise | bar |\n|---|---|---|---|", flush=True)
    figures = []
    for name in names:
        for figure in SUITES[name]():
            figures.append(figure)
            print(row(figure), flush=True)
    RESULTS.write_text(json.dumps([vars(figure) for figure in figures], indent=2) + "\n")
    print(f"\nall values: {RESULTS.relative_to(ROOT)}")
    missed = [figure.name for figure in figures if not figure.is_met]
    print(f"{len(missed)} bars missed{': ' if missed else ''}{', '.join(missed)}")


if __name__ == "__main__":
    main()
