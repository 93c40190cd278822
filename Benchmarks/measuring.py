"""Figures: several values of one quantity, compared with those of a peer in the same run."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# Of everything that is claimed as a ratio.
ROUNDS = 7


@dataclass
class Figure:
    """One quantity as it was measured, its unit, and the bar that it is held against."""

    name: str
    unit: str
    values: list[float]
    # How the median must compare with the bar: "<" or ">=".
    must: str = ""
    bar: float = 0
    note: str = field(default="", kw_only=True)

    @property
    def median(self) -> float:
        """What counts."""
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool:
        """The bar is reached, or there is none."""
        return {"": True, "<": self.median < self.bar, ">=": self.median >= self.bar,
                "<=": self.median <= self.bar}[self.must]


def alternate(
    contenders: Mapping[str, Callable[[], float]], rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """Measures them in turn, so that what the machine does meanwhile happens to all of them.

    Every other round goes backwards: nobody always follows the same one.
    """
    values: dict[str, list[float]] = {name: [] for name in contenders}
    for measure in contenders.values():
        measure()
    for number in range(rounds):
        order = list(contenders)
        for name in order if number % 2 else reversed(order):
            values[name].append(contenders[name]())
    return values


def ratios(values: list[float], to: list[float]) -> list[float]:
    """Round by round."""
    return [value / other for value, other in zip(values, to, strict=True)]
