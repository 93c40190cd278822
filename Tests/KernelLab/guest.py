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
from pathlib import Path
from typing import IO

from job import Job, pack_initramfs
from kernels import Kernel
from steps import LabError
from verdict import Evidence

MEMORY_MIB = 1024
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


class RanTooLong(LabError):
    """The command was still running when its time was up."""


def run(kernel: Kernel, job: Job, ports: list[tuple[int, int]], timeout: float | None) -> int:
    """The exit status of the job's command; raises when the run must not count."""
    with tempfile.TemporaryDirectory(prefix="ferry-lab-") as name:
        folder = Path(name)
        (folder / "share").mkdir()
        (folder / "share/job").write_text(job.script())
        command = _machine(kernel, pack_initramfs(kernel, folder), ports, folder)
        evidence = Evidence(folder)
        with evidence.machine_log.open("w") as errors, _started(command, job, errors) as machine:
            if job.interactive:
                machine.wait()
            elif not _pass_output_on(machine, timeout):
                said = evidence.complaint() or evidence.last_words()
                raise RanTooLong(f"no end after {timeout:g} s\n{said}")
        return evidence.exit_status()


def _machine(
    kernel: Kernel, initramfs: Path, ports: list[tuple[int, int]], folder: Path
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
    if ports:
        forwards = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for here, there in ports)
        options += ["-netdev", f"user,id=network{forwards}"]
        options += ["-device", "virtio-net-pci,netdev=network,romfile="]
    # The machine dies with this process, even when that is killed without a chance to clean up.
    return ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", *options]


@contextlib.contextmanager
def _started(
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


def _pass_output_on(machine: subprocess.Popen[bytes], timeout: float | None) -> bool:
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
