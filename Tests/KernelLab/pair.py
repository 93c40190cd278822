"""Two guests at once, joined by a network of their own that nobody else is on."""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from guest import Network, pass_output_on, started, too_long
from job import Job
from kernels import Kernel
from steps import LabError
from verdict import Evidence

FIRST, SECOND = "10.0.0.1", "10.0.0.2"
# Each guest's own address and the other's.
ADDRESSES = ((FIRST, SECOND), (SECOND, FIRST))
CARDS = ("52:54:00:00:00:01", "52:54:00:00:00:02")
# How long QEMU may take to listen, and the second guest to end after the first.
START_SECONDS = 10
END_SECONDS = 30


def run(kernel: Kernel, first: Job, second: Job, timeout: float | None) -> int:
    """The exit status of the first job, or of the second where the first has succeeded.

    The first job's output is passed on, the second's to stderr. The second has to end by itself,
    after the first at the latest.
    """
    with tempfile.TemporaryDirectory(prefix="ferry-lab-") as name:
        folders = [Path(name, job) for job in ("first", "second")]
        wire = Path(name, "wire")
        listening = Network(_stream("on", wire), CARDS[0])
        calling = Network(_stream("off", wire), CARDS[1])
        with started(kernel, first, folders[0], listening) as one:
            _await(wire, one)
            with started(kernel, second, folders[1], calling) as two:
                output = threading.Thread(target=_pass_on_beside, args=(two,))
                output.start()
                if not pass_output_on(one, timeout):
                    raise too_long(folders[0], timeout)
                if status := Evidence(folders[0]).exit_status():
                    return status
                try:
                    two.wait(END_SECONDS)
                except subprocess.TimeoutExpired:
                    raise too_long(folders[1], END_SECONDS) from None
                output.join()
        return Evidence(folders[1]).exit_status()


def _stream(server: str, path: Path) -> str:
    """QEMU's words for one end of a wire that loses nothing."""
    place = str(path).replace(",", ",,")
    return f"stream,server={server},addr.type=unix,addr.path={place}"


def _await(path: Path, machine: subprocess.Popen[bytes]) -> None:
    """Waits until QEMU listens: the other end does not try twice."""
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        if machine.poll() is not None or time.monotonic() > deadline:
            raise LabError("the first guest does not listen for the second")
        time.sleep(0.01)


def _pass_on_beside(machine: subprocess.Popen[bytes]) -> None:
    """Copies a machine's output to stderr, marked as the second's."""
    assert machine.stdout is not None
    for line in machine.stdout:
        print(f"peer: {line.decode(errors='replace').rstrip()}", file=sys.stderr, flush=True)
