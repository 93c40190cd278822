"""The commands that talk to an agent: run with pipes, or on a terminal of their own."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable
from typing import Any

from agent import FERRY, PATIENCE, Agent

FAILED, UNREACHABLE, GIVEN_UP, IN_DOUBT = 1, 2, 3, 4
INTERRUPTED = 130


def environment(agent: Agent | str) -> dict[str, str]:
    """That which says where the agent is."""
    return {**os.environ, "FERRY_AGENT": agent if isinstance(agent, str) else agent.url}


def ferry(
    agent: Agent | str, *words: str, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """What a command does with pipes for its output."""
    return subprocess.run(
        [FERRY, *words], capture_output=True, text=True, timeout=PATIENCE, env=environment(agent),
        stdin=subprocess.DEVNULL, preexec_fn=before)


def succeed(agent: Agent, *words: str) -> str:
    """What a command prints that has to succeed, and to complain of nothing."""
    done = ferry(agent, *words)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def fail(agent: Agent | str, code: int, *words: str, **options: Any) -> str:
    """What a command complains of that has to fail."""
    done = ferry(agent, *words, **options)
    assert done.returncode == code and done.stderr, done
    return done.stderr


class Terminal:
    """A command on a terminal, and what was drawn there."""

    def __init__(self, agent: Agent, *words: str, columns: int = 100) -> None:
        self.drawn = ""
        self.process, self.side = pty.fork()
        if self.process == 0:
            os.environ.update(environment(agent), COLUMNS=str(columns))
            os.system(f"stty cols {columns}")
            os.execv(FERRY, ["ferry", *words])
        self.ended = False

    def read(self, wait: float = 0.05) -> bool:
        """Takes in what was drawn meanwhile; false at the end."""
        if self.ended or not select.select([self.side], [], [], wait)[0]:
            return not self.ended
        try:
            piece = os.read(self.side, 1 << 16)
        except OSError:
            piece = b""
        self.drawn += piece.decode(errors="replace")
        self.ended = not piece
        return not self.ended

    def wait_for(self, text: str) -> None:
        """Waits until this was drawn."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.drawn:
            goes_on = self.read() and time.monotonic() < deadline
            assert goes_on or text in self.drawn, f"no {text!r} in {self.drawn[-2000:]!r}"

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.write(self.side, b"\x03")

    def end(self) -> int:
        """Its exit code, once it has ended by itself."""
        deadline = time.monotonic() + PATIENCE
        while self.read():
            if time.monotonic() > deadline:
                os.kill(self.process, 9)
                raise AssertionError(f"it does not end: {self.drawn[-2000:]!r}")
        os.close(self.side)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    @property
    def lines(self) -> list[str]:
        """Everything that was drawn, line by line, without what moves the cursor."""
        return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9]*[A-Z]", "", self.drawn))
