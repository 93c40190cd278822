"""A count that one witness begins and another goes on with: what a migration must not disturb.

Between the source's last step and the destination's first, nobody could use the device: by the clocks
of the two witnesses that lasts as long as the migration says, and what it takes to pass the count on.
"""

from collections.abc import Callable
from typing import Protocol

from witness import Step, Witness, check_count

# How far the destination's clock is ahead of the source's, at least and at most, in nanoseconds.
Difference = tuple[int, int]
# What the count stands still beyond a downtime: the word to stop, the request that opens the barrier and a
# record in the journal; a look at the migration, the word to go on and the first step. Under software
# emulation that is 0.05 s, and 0.3 s with a load of ten; by hand, with the rest of the bytes and a dozen
# requests, 0.3 and 0.7 s. There is no such allowance on the other side.
REST_US = 2_000_000


class Successor(Protocol):
    """The witness at the destination, wherever that is."""

    def go(self, last: int) -> None:
        """Counts on from the value that has to be there."""

    def finish(self) -> list[Step]:
        """Stops it once it has counted for a while; its steps, by the clock there."""


def same_clock() -> Difference:
    """Both witnesses are on one machine."""
    return 0, 0


class Relay:
    """The count, which runs at the source as soon as this is made."""

    def __init__(
        self, source: Witness, destination: Successor,
        clock_difference: Callable[[], Difference] = same_clock,
    ) -> None:
        self.source, self.destination = source, destination
        self.clock_difference = clock_difference
        self.before = clock_difference()
        source.go()
        source.count_on()

    def stop(self) -> None:
        """Stops the count at the source, for `before_stop`."""
        self.source.count_on()
        self.last = self.source.stop()

    def go_on(self) -> None:
        """Goes on with it at the destination, for `has_run`."""
        self.destination.go(self.last)

    def check(self, stopped_us: int) -> None:
        """The count has no gap and no repetition, and the clocks confirm how long the devices stood still.

        It was interrupted for as long as is reported at least, and not for more than the rest longer.
        """
        there = self.destination.finish()
        # With what it has done since it was stopped, if it has.
        here = self.source.steps
        check_count(here, there)
        assert here[-1].value == self.last
        # Clocks drift: the difference was something between what it is now and what it was.
        after = self.clock_difference()
        least, most = min(self.before[0], after[0]), max(self.before[1], after[1])
        apart = there[0].at - here[-1].at
        shortest_us, longest_us = (apart - most) // 1000, (apart - least) // 1000
        said = f"{stopped_us} us reported, {shortest_us} to {longest_us} us seen"
        assert stopped_us <= longest_us and shortest_us <= stopped_us + REST_US, said
