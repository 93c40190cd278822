"""A ferry process of a test's own: started, looked at from outside, ended."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

FERRY = Path(os.environ.get("FERRY", ".build/release/ferry")).resolve()
SANITIZED = os.environ.get("FERRY_SANITIZED") == "1"
SCALE = float(os.environ.get("FERRY_E2E_SCALE") or (1 / 16 if SANITIZED else 1))
# How long anything may take that should happen at once: only a hang takes longer.
PATIENCE = 120.0 if SANITIZED else 40.0
# What a sanitizer adds to the memory of a process says nothing about the agent.
MEMORY_ALLOWANCE = 64 if SANITIZED else 1

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

LISTENING = re.compile(r"listening on (\S+)$", re.M)
Value = TypeVar("Value")


def scaled(size: int) -> int:
    """A size in bytes, smaller or larger as the environment wants it; whole pages, at least one."""
    return max(4 * KIB, int(size * SCALE) // (4 * KIB) * (4 * KIB))


def eventually(look: Callable[[], Value], what: str, patience: float = PATIENCE) -> Value:
    """The first answer that counts as true; fails if there is none in time."""
    deadline = time.monotonic() + patience
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited {patience:g} s in vain: {what}; now {seen!r}"
        time.sleep(0.02)
    return seen


class Agent:
    """A running `ferry serve`, what it wrote, and what the kernel says of it."""

    # The agents that run now: a failing test shows what they logged.
    running: list["Agent"] = []

    def __init__(
        self, folder: Path, *arguments: str, listen: str | None = "127.0.0.1:0",
        redirect: str = "",
    ) -> None:
        """Starts it, with a redirection such as `2>/dev/full` by a shell; it may not listen yet."""
        folder.mkdir(parents=True, exist_ok=True)
        self.log_file = folder / "log"
        self.output_file = folder / "output"
        where = ["--listen", listen] if listen else []
        command = [str(FERRY), "serve", *where, *arguments]
        if redirect:
            command = ["bash", "-c", f'exec "$@" {redirect}', "bash", *command]
        with self.log_file.open("wb") as log, self.output_file.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=log,
                env={**os.environ, "XDG_STATE_HOME": str(folder / "state-home")})
        self.addresses: list[str] = []
        # How much of the log was there when the present test began.
        self.shown = 0
        Agent.running.append(self)

    def started(self) -> "Agent":
        """Itself, once it listens."""
        def listens() -> bool:
            assert self.process.poll() is None, f"the agent did not start:\n{self.log}"
            self.addresses = LISTENING.findall(self.log)
            return bool(self.addresses)

        eventually(listens, "the agent listens")
        return self

    @property
    def address(self) -> str:
        """The first address that it listens on."""
        return self.addresses[0]

    @property
    def url(self) -> str:
        """The beginning of its URLs on TCP."""
        return f"http://{self.address}"

    @property
    def log(self) -> str:
        """What it has logged up to now."""
        return self.log_file.read_text(errors="replace")

    @property
    def output(self) -> str:
        """What it has printed up to now."""
        return self.output_file.read_text(errors="replace")

    # What the kernel says

    @property
    def resident(self) -> int:
        """The bytes of memory that it has."""
        return int(self._status("VmRSS").split()[0]) * KIB

    @property
    def threads(self) -> int:
        """How many threads it has."""
        return int(self._status("Threads"))

    @property
    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def _status(self, name: str) -> str:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(line.split(":")[1] for line in text.splitlines() if line.startswith(name))

    # Its end

    @property
    def is_running(self) -> bool:
        """It has not ended yet."""
        return self.process.poll() is None

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Asks it to end."""
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Its exit status, once it has ended by itself."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the agent did not end in {seconds:g} s\n{self.log}") from None

    def end(self) -> int:
        """Ends it, and answers its exit status."""
        self.terminate()
        return self.wait()

    def discard(self) -> None:
        """Leaves no process behind, whatever has happened."""
        if self.is_running:
            self.process.kill()
        self.process.wait()
        if self in Agent.running:
            Agent.running.remove(self)
