"""Taking turns, and what many times come down to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Times:
    """Of one measure: the steps of each round, in seconds."""

    rounds: Sequence[Sequence[float]]

    def quantile_ms(self, q: float) -> float:
        """The median over rounds of each round's quantile; milliseconds."""
        return median(float(np.quantile(one, q)) for one in self.rounds) * 1e3

    @property
    def p50_ms(self) -> float:
        return self.quantile_ms(0.5)

    @property
    def p99_ms(self) -> float:
        return self.quantile_ms(0.99)

    @property
    def steps(self) -> int:
        return sum(map(len, self.rounds))


def in_turns(measures: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """What each gave in each round, after a round that doesn't count; every other round backwards."""
    for measure in measures.values():
        measure()
    found: dict[str, list[T]] = {name: [] for name in measures}
    for number in range(rounds):
        order = list(measures) if number % 2 == 0 else list(reversed(measures))
        for name in order:
            found[name].append(measures[name]())
    return found


def times(found: Mapping[str, Sequence[Sequence[float]]]) -> dict[str, Times]:
    return {name: Times(rounds) for name, rounds in found.items()}
