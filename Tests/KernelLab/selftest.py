#!/usr/bin/env python3
"""Proves that the lab itself never takes a failure for a pass, and that it cleans up."""

import argparse
import contextlib
import functools
import os
import pty
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from selftest_cases import (
    CASES, DEVICE_SCRIPT, DEVICES, INTERRUPTED, PAIRS, SERVER, Case,
)

LAB = Path(__file__).with_name("lab.py")
TIERS = ["stock", "newest"]
BOOT_SECONDS = 60


class Trial:
    """Runs the lab for one tier with temporary files in a folder of its own."""

    def __init__(self, tier: str, folder: str) -> None:
        self.tier = tier
        self.folder = folder
        # Every machine's command line names a file in that folder, which is how leftovers show.
        self.environment = {**os.environ, "TMPDIR": folder, "SECRET": "for the host only"}
        self.failures = 0

    def command(self, script: str, *options: str) -> list[str]:
        """The command line that runs a shell script in the guest."""
        fixed = [sys.executable, str(LAB), "run", "--tier", self.tier]
        return [*fixed, *options, "--", "/bin/sh", "-c", script]

    @contextlib.contextmanager
    def started(
        self,
        command: list[str],
        stdin: int | None = None,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A lab that is over in the end, whatever happens."""
        lab = subprocess.Popen(
            command, env=self.environment, stdin=stdin, stdout=stdout, stderr=stderr
        )
        try:
            yield lab
        finally:
            lab.kill()
            lab.wait()

    def check(self, name: str, body: Callable[[], str]) -> None:
        """Counts one check; its body returns what is wrong."""
        start = time.monotonic()
        try:
            wrong = body() or self.leftovers()
        except (subprocess.TimeoutExpired, TimeoutError) as error:
            wrong = str(error)
        self.failures += bool(wrong)
        took = f"{time.monotonic() - start:.1f} s"
        print(f"{'FAIL' if wrong else 'ok  '} {self.tier}: {name} ({took}) {wrong}", flush=True)

    def leftovers(self) -> str:
        """Names files in the temporary folder and processes that use it."""
        files = os.listdir(self.folder)
        return f"left behind: {files} {self.machines()}" if files or self.machines() else ""

    def machines(self) -> list[str]:
        """The processes that have a file of ours on their command line."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if self.folder.encode() in path.read_bytes():
                    found.append(path.parent.name)
        return found

    def table_case(self, case: Case) -> str:
        """Runs a case of the table."""
        command = self.command(case.script, *case.options)
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode != case.status:
            return f"status {done.returncode} instead of {case.status}: {done.stderr[-2000:]}"
        if case.output is not None and done.stdout != case.output:
            return f"printed {done.stdout[-200:]!r}"
        return "" if case.complaint in done.stderr else f"said {done.stderr[-2000:]!r}"

    def devices(self) -> str:
        """The devices are there, of the types that were asked for."""
        return self.table_case(Case("", DEVICE_SCRIPT, 0, output=DEVICES[self.tier]))

    def stopped_by(self, number: int, status: int) -> str:
        """The lab ends its machine when a signal ends the lab, while output is still coming."""
        command = self.command("echo ready; sleep 1000")
        with self.started(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as lab:
            assert lab.stdout is not None
            if lab.stdout.readline() != b"ready\n":
                return "the output did not come while the command was running"
            lab.send_signal(number)
            if lab.wait(BOOT_SECONDS) != status:
                return f"status {lab.returncode} instead of {status}"
        return ""

    def killed(self) -> str:
        """The machine dies with a lab that had no chance to end it."""
        wrong = self.stopped_by(signal.SIGKILL, -signal.SIGKILL)
        deadline = time.monotonic() + BOOT_SECONDS
        while self.machines() and time.monotonic() < deadline:
            time.sleep(0.1)
        # The folder cannot be cleaned by a process that is gone.
        for name in os.listdir(self.folder):
            subprocess.run(["rm", "-r", os.path.join(self.folder, name)], check=True)
        return wrong

    def forwarded_port(self) -> str:
        """A server in the guest answers on a port of the host."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [sys.executable, str(LAB), "run", "--tier", self.tier, "--port", f"{port}:8080"]
        with self.started([*command, "--", "python3", "-c", SERVER]) as lab:
            deadline = time.monotonic() + BOOT_SECONDS
            while time.monotonic() < deadline:
                # QEMU accepts before the guest listens, and hangs up then.
                with (
                    contextlib.suppress(OSError),
                    socket.create_connection(("127.0.0.1", port), timeout=5) as peer,
                ):
                    if peer.recv(100) == b"from the guest":
                        peer.sendall(b"thank you")
                        return "" if lab.wait(BOOT_SECONDS) == 0 else "the server failed"
                time.sleep(0.2)
        return "no answer"

    def pair(self) -> str:
        """Two guests: they hear each other, and neither's failure is lost."""
        fixed = [sys.executable, str(LAB), "pair", "--tier", self.tier, "--timeout", "60", "--peer"]
        for peer, script, status in PAIRS:
            command = [*fixed, shlex.join(["sh", "-c", peer]), "--", "sh", "-c", script]
            done = subprocess.run(
                command, env=self.environment, capture_output=True, text=True, check=False
            )
            if done.returncode != status:
                return f"{peer} | {script}: {done.returncode}, not {status}: {done.stderr[-2000:]}"
        return ""

    def shell(self) -> str:
        """A shell on a terminal takes input, knows its size, and hands its status back."""
        here, there = pty.openpty()
        termios.tcsetwinsize(there, (30, 100))
        command = [sys.executable, str(LAB), "shell", "--tier", self.tier]
        try:
            with self.started(command, stdin=there, stdout=there, stderr=there) as lab:
                self.await_text(here, b"# ")
                # One process group from the start: Ctrl-C between two of the shell's own commands
                # would end neither.
                os.write(here, b"sh -c 'stty size; exec sleep 1000'\n")
                self.await_text(here, b"30 100")
                os.write(here, b"\x03")
                self.await_text(here, b"# ")
                os.write(here, b"exit $((4 + 5))\n")
                return "" if lab.wait(BOOT_SECONDS) == 9 else f"status {lab.returncode}"
        finally:
            os.close(here)
            os.close(there)

    def await_text(self, terminal: int, text: bytes) -> None:
        """Reads from a terminal until the text has come."""
        heard = b""
        while text not in heard:
            if not select.select([terminal], [], [], BOOT_SECONDS)[0]:
                raise TimeoutError(f"no {text!r} in {heard[-200:]!r}")
            heard += os.read(terminal, 1024)

    def all(self) -> None:
        """Runs every check."""
        for case in CASES:
            self.check(case.name, functools.partial(self.table_case, case))
        self.check("the devices", self.devices)
        self.check("Ctrl-C", lambda: self.stopped_by(signal.SIGINT, INTERRUPTED))
        self.check("SIGTERM", lambda: self.stopped_by(signal.SIGTERM, 128 + signal.SIGTERM))
        self.check("SIGKILL", self.killed)
        self.check("a forwarded port", self.forwarded_port)
        self.check("two guests", self.pair)
        self.check("a shell", self.shell)


def main() -> int:
    """Checks the tiers of the command line; the exit status is 0 when all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tier", choices=[*TIERS, "all"], default="all")
    choice = parser.parse_args().tier
    failures = 0
    # The parts that need no guest first: they take no time.
    subprocess.run(
        [sys.executable, "-m", "unittest", "-q", "parts_test"], cwd=LAB.parent, check=True
    )
    for tier in TIERS if choice == "all" else [choice]:
        subprocess.run([sys.executable, LAB, "build", "--tier", tier], check=True)
        with tempfile.TemporaryDirectory(prefix="ferry-lab-selftest-") as folder:
            trial = Trial(tier, folder)
            trial.all()
            failures += trial.failures
    print(f"{failures} failed" if failures else "all passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
