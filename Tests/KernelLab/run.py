"""All tests that need the kernel's own VFIO, on both kernels, with one line of summary at the end.

FERRY names the agent's binary, .build/release/ferry if it is not set.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = Path(__file__).with_name("lab.py")
TIERS = ("stock", "newest")
LONGEST_SECONDS = 900


@dataclass(frozen=True)
class Part:
    """One test runner, and how its last words tell how many tests passed."""

    name: str
    command: list[str]
    passed: re.Pattern[str]


def parts(ferry: Path) -> list[Part]:
    """What runs in each guest."""
    laws = [
        str(ROOT / ".build/debug/FerryPackageTests.xctest"), "--filter", "DeviceLawsTests",
        "--testing-library", "swift-testing",
    ]
    suite = [
        "env", f"FERRY={ferry}", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
        "Tests/EndToEnd/kernel", "Tests/EndToEnd/test_matrix.py",
    ]
    return [
        Part("laws", laws, re.compile(r"Test run with (\d+) tests? .*passed")),
        Part("end to end", suite, re.compile(r"^(\d+) passed in", re.M)),
    ]


def run(tier: str, part: Part) -> str | None:
    """Runs a part in the guest and passes its output on; how many tests passed, None if not all."""
    print(f"== {tier}: {part.name}", flush=True)
    start = time.monotonic()
    command = [sys.executable, str(LAB), "run", "--tier", tier, "--timeout", str(LONGEST_SECONDS)]
    machine = subprocess.Popen(
        [*command, "--", *part.command], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        errors="replace")
    assert machine.stdout
    output = []
    for line in machine.stdout:
        print(line, end="", flush=True)
        output.append(line)
    status = machine.wait()
    # Runners that found no test at all also end well.
    found = part.passed.search("".join(output))
    took = time.monotonic() - start
    print(f"== {tier}: {part.name}: exit status {status} after {took:.0f} s", flush=True)
    return found.group(1) if status == 0 and found and int(found.group(1)) > 0 else None


def main() -> int:
    """Builds the kernels, runs every part on each, and sums up."""
    ferry = Path(os.environ.get("FERRY", ROOT / ".build/release/ferry")).resolve()
    parts_test = [sys.executable, "-m", "unittest", "-q", "parts_test"]
    if subprocess.run(parts_test, cwd=LAB.parent, check=False).returncode:
        print("kernel lab: its own parts are broken")
        return 1
    if subprocess.run([sys.executable, str(LAB), "build"], check=False).returncode:
        print("kernel lab: FAILED, there is no kernel to test on")
        return 1
    words, is_good = [], True
    for tier in TIERS:
        for part in parts(ferry):
            count = run(tier, part)
            is_good = is_good and count is not None
            words.append(f"{tier} {part.name} " + (f"{count} passed" if count else "FAILED"))
    print(f"kernel lab: {'; '.join(words)}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
