"""What the lab says about its own work: timed steps, logged commands, one kind of error."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

TAIL_LINES = 30
# Not the caller's: flags of a make that called us, or another architecture, would change the build.
BUILD_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nowhere", "LANG": "C"}


class LabError(Exception):
    """The lab could not do its work; says nothing about the command under test."""


def say(text: str) -> None:
    """Prints one line of the lab's own, apart from what the command prints."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Announces a piece of work and says how long it took."""
    say(f"{what} ...")
    start = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - start:.1f} s")


def logged(command: Sequence[str | Path], log: Path) -> None:
    """Runs a build command with its output in a log, whose end is shown when it fails."""
    with log.open("a") as output:
        output.write("$ " + " ".join(map(str, command)) + "\n")
        output.flush()
        done = subprocess.run(
            command,
            env=BUILD_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise LabError(f"{command[0]} failed, see {log}:\n{tail(log)}")


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a file, or nothing when there is no such file."""
    text = path.read_text(errors="replace") if path.exists() else ""
    return "\n".join(text.splitlines()[-lines:])
