"""Checks the model of the handover, and that the check bites.

The protocol must hold for groups of one and of two; each mutant of it must fail; each end must be
reached. Needs spin and a C compiler.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

MODEL = Path(__file__).with_name("handover.pml")
MUTANTS = [
    "GRANT_BEFORE_COMMIT", "COMMIT_PER_DEVICE", "DISCARD_BEFORE_ROLLBACK", "RUN_WITHOUT_GRANT",
    "NO_HANDED_OVER", "NO_RUN_INTENT",
]
ENDS = ["is_completed", "is_aborted", "is_in_doubt"]
# Deeper than any run of the model goes: a search that was cut short proves nothing.
DEPTH = 100_000


def search(*definitions: str) -> tuple[int, int]:
    """Errors and states of a full search with these macros."""
    with tempfile.TemporaryDirectory() as folder:
        def run(*command: str) -> str:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
            return done.stdout

        run("spin", *[f"-D{definition}" for definition in definitions], "-a", str(MODEL))
        run("gcc", "-O2", "-DSAFETY", "-o", "pan", "pan.c")
        report = run("./pan", f"-m{DEPTH}")
    assert "max search depth too small" not in report, report
    errors = re.search(r"errors: (\d+)", report)
    states = re.search(r"(\d+) states, stored", report)
    assert errors and states, report
    return int(errors[1]), int(states[1])


def main() -> None:
    """Prints a line for each search, and what it comes to."""
    wrong = 0
    for devices in (1, 2):
        errors, states = search(f"DEVICES={devices}")
        print(f"the protocol, groups of {devices}: {states} states, {errors} errors")
        wrong += errors != 0
    for definition in [*MUTANTS, *[f"UNREACHED={end}" for end in ENDS]]:
        errors, _ = search(definition)
        print(f"{definition}: {'fails, as it must' if errors else 'NOT SEEN'}")
        wrong += errors == 0
    print(f"model: {len(MUTANTS)} mutants, {len(ENDS)} ends, {wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
