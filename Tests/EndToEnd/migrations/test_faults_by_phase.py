"""The fault matrix: every fault in every phase, whoever does the handover."""

from collections.abc import Callable

import pytest
from cases import AGENT, PARTY, Case, Runs, cases

pytest_plugins = ["stage"]


@pytest.mark.parametrize("case", [*cases(AGENT), *cases(PARTY)], ids=str)
def test_fault(case: Case, runs: Runs, note: Callable[[str, str, str, str], None]) -> None:
    """Completed, aborted or holding, and only what the fault allows."""
    end = runs[case].result()
    note(case.driver, case.phase, case.fault, end.kind)
    assert end.kind in case.ends and not end.faults, (end.kind, end.faults, end.seen)
