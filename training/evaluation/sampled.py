"""Figures together with what they are in each draw of users, so that differences and ratios stay paired.

All figures of one comparison are taken over the same draws (Efron's paired bootstrap): a model's seeds are
averaged first, per person, then people are drawn again. Someone who is there in several periods is drawn
for all of them at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.intervals import Interval, from_draws

NO_DRAWS = np.zeros(0)


@dataclass(frozen=True, slots=True)
class Sampled:
    """A figure; `draws` is empty where drawing users again says nothing about it."""

    value: float
    draws: NDArray[np.float64]  # (D,), NaN where it is not defined

    @property
    def interval(self) -> Interval:
        return from_draws(self.value, self.draws)


def means(values: NDArray[np.float64], weights: NDArray[np.float64]) -> list[Sampled]:
    """The mean of each column of (U, M) values for (D, U) weights; a user with NaN is not part of it."""
    there = ~np.isnan(values)
    filled = np.where(there, values, 0.0)
    counts = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = (weights @ filled) / (weights @ there)
        whole = filled.sum(axis=0) / counts
    return [Sampled(float(whole[j]), draws[:, j]) for j in range(values.shape[1])]


def average(several: Sequence[Sampled]) -> Sampled:
    """Of seeds, or of periods: each counts as much as the others."""
    return Sampled(
        float(np.mean([one.value for one in several])),
        np.mean([one.draws for one in several], axis=0),
    )


def difference(one: Sampled, other: Sampled) -> Sampled:
    return Sampled(one.value - other.value, one.draws - other.draws)


def ratio(one: Sampled, other: Sampled) -> Sampled:
    """Of the two figures, not of each user's; NaN where the other is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = np.where(other.draws != 0, one.draws / other.draws, np.nan)
    return Sampled(one.value / other.value if other.value else float("nan"), draws)


def constant(value: float) -> Sampled:
    return Sampled(value, NO_DRAWS)
