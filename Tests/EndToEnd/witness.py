"""A witness: a process that uses a device as a guest's processor does, and writes down what it saw.

It shares the agent's own open file of the device and counts in the scratch register of the first port:
each step reads what it wrote last, writes one more, and logs when. It counts only while it is told to, as
nobody may touch a device that has stopped. If the count goes on over a migration without a gap or a
repetition, the destination has the source's last state, and never did both run.

The register has 8 bits; the count goes on beyond them.
"""

import contextlib
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import mtty
from agent import eventually

VALUES = 256
# More than the register can tell apart.
ENOUGH = 300
# Of a log, in bytes.
LONGEST_LINE = 32
# What both sides say to each other, line by line.
GO, STOP = "go", "stop"


class Step(NamedTuple):
    """A value that was written, and when, in nanoseconds of the machine's CLOCK_BOOTTIME."""

    at: int
    value: int


class Witness:
    """A witness process at an agent's device, as a test drives it."""

    def __init__(self, agent: int, number: int, log: Path) -> None:
        """At the device with this number, which the agent, a process id, has open."""
        self.log = log
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(agent), str(number), str(log)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Witness":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Ends it, wherever it is."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def go(self, last: int | None = None) -> None:
        """Counts on from the value that has to be there, or sets the register and begins at 0."""
        self._ask(GO if last is None else f"{GO} {last}")

    def stop(self) -> int:
        """Stops counting; answers the last value. From now on the device is not touched."""
        return int(self._ask(STOP))

    def count_on(self, steps: int = ENOUGH) -> None:
        """Waits until it has made so many more steps; by the log's length, as reading it takes seconds."""
        enough = self.log.stat().st_size + steps * LONGEST_LINE

        def has_counted() -> bool:
            assert self.process.poll() is None, "the witness has died"
            return self.log.stat().st_size >= enough

        eventually(has_counted, "the witness counts")

    def finish(self) -> list[Step]:
        """Stops it once it has counted for a while; all that it has done."""
        self.count_on()
        self.stop()
        return self.steps

    @property
    def steps(self) -> list[Step]:
        """What it has done so far."""
        return read_log(self.log.read_text())

    def _ask(self, line: str) -> str:
        assert self.process.stdin and self.process.stdout
        # One that has ended has left its complaint.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert answer.lstrip("-").isdecimal(), f"the witness: {answer or 'has died'}"
        return answer


def read_log(text: str) -> list[Step]:
    """The steps of a log; one that is just being written is none yet."""
    whole = text[:text.rfind("\n") + 1]
    return [Step(*map(int, line.split())) for line in whole.splitlines()]


def check_count(*logs: list[Step]) -> None:
    """Over all of them, one after the other, the count is 0, 1, 2 ... and each of them has some."""
    assert all(logs), "nothing was counted"
    values = [step.value for log in logs for step in log]
    assert values == list(range(len(values)))


def main(agent: int, number: int, log: Path) -> str:
    """The process itself: obeys until its input ends; answers what was wrong, or nothing."""
    file = mtty.shared_device(agent, number)
    last, is_going = 0, False
    with log.open("a", buffering=1) as steps:
        while True:
            if select.select([sys.stdin], [], [], 0 if is_going else None)[0]:
                words = os.read(sys.stdin.fileno(), 1000).decode().split()
                if not words:
                    return ""
                is_going = words[0] == GO
                if words == [GO]:
                    last = -1
                elif is_going:
                    last = int(words[1])
                print(last, flush=True)
            if is_going:
                seen = os.pread(file, 1, mtty.SCRATCH)[0]
                if last >= 0 and seen != last % VALUES:
                    return f"found {seen} instead of {last} modulo {VALUES}"
                last += 1
                assert os.pwrite(file, bytes([last % VALUES]), mtty.SCRATCH) == 1
                steps.write(f"{time.clock_gettime_ns(time.CLOCK_BOOTTIME)} {last}\n")


if __name__ == "__main__":
    complaint = main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
    # It is the answer to whatever is asked next.
    print(complaint)
    sys.exit(1 if complaint else 0)
