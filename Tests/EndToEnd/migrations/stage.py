"""What the tests of migrations share: pairs of hosts, the fault matrix, and its table at the end."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cases import Case, Runs, play
from hosts import Pair

# Cases wait most of the time: for a stall, an outage, a pause between two attempts.
AT_ONCE = 6
# What each case has ended as, by driver, phase and fault.
TABLE: dict[tuple[str, str, str], str] = {}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two hosts of the test's own, without devices."""
    pair = Pair(tmp_path)
    try:
        yield pair
    finally:
        pair.end()


@pytest.fixture(scope="session")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs]:
    """All cases of the matrix that were chosen, several of them at a time."""
    chosen: list[Case] = []
    for item in request.session.items:
        parameters: dict[str, Any] = getattr(item, "callspec", None) and item.callspec.params or {}
        if isinstance(parameters.get("case"), Case):
            chosen.append(parameters["case"])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {case: pool.submit(play, case, tmp_path_factory.mktemp("case")) for case in chosen}
        yield futures
        for future in futures.values():
            future.cancel()


@pytest.fixture
def note() -> Callable[[str, str, str, str], None]:
    """Notes how something ended, for the table."""
    def write(driver: str, phase: str, fault: str, end: str) -> None:
        TABLE[driver, phase, fault] = end

    return write


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table: what each phase and fault has ended as."""
    if not TABLE:
        return
    for driver in dict.fromkeys(driver for driver, _, _ in TABLE):
        rows = {key[1:]: end for key, end in TABLE.items() if key[0] == driver}
        phases = list(dict.fromkeys(phase for phase, _ in rows))
        faults = list(dict.fromkeys(fault for _, fault in rows))
        width = max(map(len, faults)) + 1
        terminalreporter.write_sep("-", f"handovers by the {driver}: fault, phase, end")
        terminalreporter.write_line(" " * width + " ".join(f"{phase:>10}" for phase in phases))
        for fault in faults:
            ends = " ".join(f"{rows.get((phase, fault), '-'):>10}" for phase in phases)
            terminalreporter.write_line(f"{fault:<{width}}{ends}")
