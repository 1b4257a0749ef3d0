"""Taking turns, and what many times come down to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np


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


def in_turns(
    measures: Mapping[str, Callable[[], Sequence[float]]], rounds: int
) -> dict[str, Times]:
    """Every measure once a round, after a round that doesn't count; every other round backwards."""
    for measure in measures.values():
        measure()
    found: dict[str, list[Sequence[float]]] = {name: [] for name in measures}
    for number in range(rounds):
        order = list(measures) if number % 2 == 0 else list(reversed(measures))
        for name in order:
            found[name].append(measures[name]())
    return {name: Times(times) for name, times in found.items()}
