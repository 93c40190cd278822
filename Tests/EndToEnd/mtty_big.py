"""mtty_big, the kernel lab's demanding driver: its parameters, and what its devices hold.

A device's state is blocks made from a seed and changed by a series of writes: see the driver's own
content.h in Tests/KernelLab/big. A model of it says what every checksum has to be.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAME = "mtty_big"
PARAMETERS = Path("/sys/module/mtty_big/parameters")
BLOCK = 4096
# A block with its number; what the whole has to be, with its mark.
BLOCK_RECORD = BLOCK + 8
END_RECORD = 40

MASK = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15
WRITES, PLACES = 1 << 40, 2 << 40


def parameter(name: str) -> int:
    """A parameter as it stands; faults that have happened are 0."""
    return int((PARAMETERS / name).read_text())


def change(**parameters: int) -> None:
    """Sets parameters; those of the image count from a device's next reset on."""
    for name, value in parameters.items():
        (PARAMETERS / name).write_text(str(value))


@contextlib.contextmanager
def changed(**parameters: int) -> Iterator[None]:
    """Sets parameters, and puts them back in the end."""
    before = {name: parameter(name) for name in parameters}
    change(**parameters)
    try:
        yield
    finally:
        change(**before)


def stream_length() -> int:
    """What a device has to send besides mtty's own bytes, each block once."""
    return parameter("image_kb") * 1024 // BLOCK * BLOCK_RECORD + END_RECORD


@dataclass(frozen=True)
class Content:
    """What a device holds, by the driver's own word."""

    state: int
    length: int
    writes: int
    checksum: str


def content(mdev: str) -> Content:
    """Looks at all of a device's state; its writes come to a stop when dirty_mb_s is 0."""
    text = Path("/sys/bus/mdev/devices", mdev, "vendor/big").read_text()
    state, length, writes, checksum = text.split()
    return Content(int(state), int(length), int(writes), checksum)


class Model:
    """The same state, made up independently of the driver: small ones only, as this is slow."""

    def __init__(self, number: int, length: int, seed: int) -> None:
        self.seed = (seed + number * STEP) & MASK
        self.blocks = [self._filled(block) for block in range(length // BLOCK)]

    def write(self, count: int) -> None:
        """Makes the first so many writes of the series, all at once."""
        for number in range(count):
            place = _mix(self.seed + (PLACES + number) * STEP) % len(self.blocks)
            self.blocks[place] = self._filled(WRITES + number)

    @property
    def checksum(self) -> str:
        """The sum over all blocks."""
        return f"{sum(_block_sum(*block) for block in enumerate(self.blocks)) & MASK:016x}"

    def _filled(self, number: int) -> list[int]:
        key = _mix(self.seed + number * STEP)
        return [_mix(key + word * STEP) for word in range(BLOCK // 8)]


def _mix(value: int) -> int:
    value &= MASK
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31


def _block_sum(place: int, words: list[int]) -> int:
    total = _mix(place + 1)
    for word in words:
        total = (total ^ word) * STEP & MASK
        total ^= total >> 32
    return total
