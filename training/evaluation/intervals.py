"""95 % intervals by drawing users again, with replacement (Efron's percentile bootstrap)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Name = TypeVar("Name")
DRAWS = 1000
BOUNDS = (2.5, 97.5)  # percentiles
CELLS = 20_000_000  # weights in memory at once: a million users need no more than ten thousand


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure; `low` and `high` are None where drawing users again says nothing about it."""

    value: float
    low: float | None = None
    high: float | None = None


def user_weights(users: int, seed: int, draws: int = DRAWS) -> NDArray[np.float64]:
    """(draws, users): how often each user is in each draw."""
    random = np.random.default_rng(seed)
    return random.multinomial(users, np.full(users, 1.0 / users), size=draws).astype(np.float64)


def mean_intervals(values: Mapping[Name, NDArray[np.float64]], seed: int) -> dict[Name, Interval]:
    """The mean of each (U,) array of one value a user, over the same draws of users.

    Of paired differences, it is the interval of the difference.
    """
    table = np.stack(list(values.values()), axis=1)  # (U, M)
    users = len(table)
    size = max(1, min(DRAWS, CELLS // users))
    portions = [
        user_weights(users, seed + start, min(size, DRAWS - start)) @ table / users
        for start in range(0, DRAWS, size)
    ]
    draws = np.concatenate(portions)  # (DRAWS, M)
    means = table.mean(axis=0)
    return {name: from_draws(float(means[j]), draws[:, j]) for j, name in enumerate(values)}


def from_draws(value: float, draws: NDArray[np.float64]) -> Interval:
    """The interval of the draws in which the figure is defined."""
    defined = draws[np.isfinite(draws)]
    if not len(defined):
        return Interval(value)
    low, high = np.percentile(defined, BOUNDS)
    return Interval(value, float(low), float(high))
