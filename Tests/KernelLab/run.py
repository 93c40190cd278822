"""All tests that need the kernel's own VFIO, on both kernels, with one line of summary at the end.

FERRY names the agent's binary, .build/release/ferry if it is not set.
"""

import itertools
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = Path(__file__).with_name("lab.py")
TIERS = ("stock", "newest")
DRIVERS = ("mtty", "mtty_big")
LONGEST_SECONDS = 900
# Those of other test runners: their imports take half a minute in a guest.
NO_PLUGINS = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"


@dataclass(frozen=True)
class Part:
    """One test runner, and how its last words tell how many tests passed."""

    name: str
    driver: str
    command: list[str]
    passed: re.Pattern[str]
    # What runs in a second guest meanwhile.
    peer: list[str] | None = None

    @property
    def action(self) -> list[str]:
        """What the lab is to do for it."""
        return ["pair", "--peer", shlex.join(self.peer)] if self.peer else ["run"]


def parts(ferry: Path) -> list[Part]:
    """What runs on each kernel, each in guests of its own."""
    python = ["env", f"FERRY={ferry}", NO_PLUGINS, sys.executable]
    pytest = [*python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    laws = [
        str(ROOT / ".build/debug/FerryPackageTests.xctest"), "--filter", "DeviceLawsTests",
        "--testing-library", "swift-testing",
    ]
    suite = [*pytest, "Tests/EndToEnd/kernel", "Tests/EndToEnd/test_matrix.py"]
    two = [*pytest, "Tests/EndToEnd/kernel/pair"]
    by_swift = re.compile(r"Test run with (\d+) tests? .*passed")
    by_pytest = re.compile(r"^(\d+) passed in", re.M)
    both = [
        part for driver in DRIVERS for part in (
            Part("laws", driver, laws, by_swift), Part("end to end", driver, suite, by_pytest))
    ]
    peer = [*python, "Tests/EndToEnd/peer.py"]
    return [*both, Part("two guests", DRIVERS[-1], two, by_pytest, peer)]


def run(tier: str, part: Part) -> str | None:
    """Runs a part in the guest and passes its output on; how many tests passed, None if not all."""
    title = f"{tier} {part.driver} {part.name}"
    print(f"== {title}", flush=True)
    start = time.monotonic()
    command = [sys.executable, str(LAB), *part.action, "--tier", tier, "--driver", part.driver]
    command += ["--timeout", str(LONGEST_SECONDS)]
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
    print(f"== {title}: exit status {status} after {took:.0f} s", flush=True)
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
    for tier, part in itertools.product(TIERS, parts(ferry)):
        count = run(tier, part)
        is_good = is_good and count is not None
        words.append(f"{tier} {part.driver} {part.name} " + (f"{count} passed" if count else "FAILED"))
    print(f"kernel lab: {'; '.join(words)}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
