"""One run: boots a kernel under QEMU, passes the command's output on, returns its exit status."""

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from job import Job, pack_initramfs
from kernels import Kernel
from steps import LabError
from verdict import Evidence

MEMORY_MIB = 2048
PROCESSORS = 2
STOP_SECONDS = 5
BOOT_OPTIONS = [
    "rdinit=/init",
    "console=ttyS0",
    "loglevel=7",
    "printk.time=1",
    # The machine ends at once when its kernel is lost, instead of waiting for the timeout.
    "oops=panic",
    "panic=-1",
    # Each of them makes system calls slower, and software emulation is slow enough.
    "mitigations=off",
]


@dataclass(frozen=True)
class Network:
    """A machine's only network: QEMU's -netdev without its id, and the address of the card."""

    backend: str
    mac: str = "52:54:00:00:00:01"

    @property
    def options(self) -> list[str]:
        """For QEMU's command line."""
        card = f"virtio-net-pci,netdev=network,romfile=,mac={self.mac}"
        return ["-netdev", f"{self.backend},id=network", "-device", card]


class RanTooLong(LabError):
    """The command was still running when its time was up."""


def run(kernel: Kernel, job: Job, ports: list[tuple[int, int]], timeout: float | None) -> int:
    """The exit status of the job's command; raises when the run must not count."""
    forwards = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for here, there in ports)
    network = Network(f"user{forwards}") if ports else None
    with tempfile.TemporaryDirectory(prefix="ferry-lab-") as name:
        folder = Path(name)
        with started(kernel, job, folder, network) as machine:
            if job.interactive:
                machine.wait()
            elif not pass_output_on(machine, timeout):
                raise too_long(folder, timeout)
        return Evidence(folder).exit_status()


def too_long(folder: Path, timeout: float | None) -> RanTooLong:
    """What is said of a machine that did not come to its end."""
    evidence = Evidence(folder)
    said = evidence.complaint() or evidence.last_words()
    return RanTooLong(f"no end after {timeout:g} s\n{said}")


def _machine(
    kernel: Kernel, initramfs: Path, network: Network | None, folder: Path
) -> list[str | Path]:
    """QEMU's command line."""
    # A comma in a path would end the option.
    share, log = (str(folder / name).replace(",", ",,") for name in ("share", "kernel.log"))
    options: list[str | Path] = ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]
    options += ["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"]
    options += ["-smp", str(PROCESSORS), "-m", str(MEMORY_MIB)]
    options += ["-kernel", kernel.image, "-initrd", initramfs, "-append", " ".join(BOOT_OPTIONS)]
    # First serial port: the kernel's log. Second: the command's output, or somebody's terminal.
    options += ["-chardev", f"file,id=log,path={log}", "-serial", "chardev:log"]
    options += ["-chardev", "stdio,id=terminal,signal=off", "-serial", "chardev:terminal"]
    host = "path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
    options += ["-virtfs", f"local,{host}"]
    options += ["-virtfs", f"local,path={share},mount_tag=share,security_model=none"]
    if network:
        options += network.options
    # The machine dies with this process, even when that is killed without a chance to clean up.
    return ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", *options]


@contextlib.contextmanager
def started(
    kernel: Kernel, job: Job, folder: Path, network: Network | None
) -> Iterator[subprocess.Popen[bytes]]:
    """A machine that runs a job, with its files in a folder."""
    (folder / "share").mkdir(parents=True)
    (folder / "share/job").write_text(job.script())
    command = _machine(kernel, pack_initramfs(kernel, folder), network, folder)
    with Evidence(folder).machine_log.open("w") as errors, _process(command, job, errors) as process:
        yield process


@contextlib.contextmanager
def _process(
    command: list[str | Path], job: Job, errors: IO[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A running machine that is gone in the end, with the terminal as it was before."""
    before = termios.tcgetattr(sys.stdin) if job.interactive else None
    machine = subprocess.Popen(
        command,
        stdin=None if job.interactive else subprocess.DEVNULL,
        stdout=None if job.interactive else subprocess.PIPE,
        stderr=errors,
        # Ctrl-C is for this process; the machine would end without a word.
        start_new_session=True,
    )
    try:
        yield machine
    finally:
        machine.terminate()
        try:
            machine.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            machine.kill()
            machine.wait()
        if before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def pass_output_on(machine: subprocess.Popen[bytes], timeout: float | None) -> bool:
    """Copies the machine's output as it comes; false when the time was up before its end."""
    deadline = time.monotonic() + timeout if timeout else None
    assert machine.stdout is not None
    source = machine.stdout.fileno()
    while True:
        left = max(0.0, deadline - time.monotonic()) if deadline else None
        if not select.select([source], [], [], left)[0]:
            return False
        data = os.read(source, 65536)
        if not data:
            machine.wait()
            return True
        # Progress bars are no use in a log.
        sys.stdout.buffer.write(data.replace(b"\r", b""))
        sys.stdout.buffer.flush()
