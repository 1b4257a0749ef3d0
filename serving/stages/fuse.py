"""One definition of how the members' probabilities become one, used online and offline.

Log-odds are added up, each weighed, and an offset (Platt scaling of several scores at once). Every subset of
the members has weights of its own, so that the probability stays calibrated whoever is missing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

MOST_MEMBERS = 5
LEAST = 1e-7  # probabilities nearer to 0 or 1 than this have their odds taken as at it

Probability = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Blend:
    """What is made of the answers where exactly these members answered."""

    members: tuple[str, ...]
    weights: tuple[float, ...]  # of their log-odds, in their order
    offset: float

    @property
    def plain(self) -> bool:
        """It is one member's own probability."""
        return self.weights == (1.0,) and self.offset == 0


@dataclass(frozen=True, slots=True)
class Fusion:
    """The members in the order of what each adds, the last to be left out first; a blend a subset."""

    members: tuple[str, ...]
    blends: tuple[Blend, ...]

    def __call__(self, answers: Mapping[str, Probability]) -> Probability:
        """Of the members' common shape, from the answers of one or more of them.

        A plain blend gives its member's probability bit for bit.
        """
        blend = next(b for b in self.blends if set(b.members) == set(answers))
        if blend.plain:
            return answers[blend.members[0]]
        odds = (log_odds(answers[name]) for name in blend.members)
        weighed = (weight * of for weight, of in zip(blend.weights, odds, strict=True))
        total = np.asarray(sum(weighed, start=np.float64(blend.offset)))
        return likely(total).astype(np.float32)

    def problems(self) -> Iterator[str]:
        """What is wrong with it; it must not be called unless there is nothing."""
        if not 1 <= len(self.members) <= MOST_MEMBERS:
            yield f"members has {len(self.members)} models; 1 to {MOST_MEMBERS} are allowed"
            return
        yield from (
            f"members has {n} twice" for n, times in Counter(self.members).items() if times > 1
        )
        wanted = {frozenset(some) for some in subsets(self.members)}
        given = Counter(frozenset(blend.members) for blend in self.blends)
        for some in sorted(wanted | set(given), key=lambda names: (len(names), sorted(names))):
            told = " and ".join(sorted(some)) or "no member"
            if some not in wanted:
                yield f"fusion has an entry of {told}, who are not all members"
            elif given[some] != 1:
                yield f"fusion has {given[some]} entries of {told}; there must be one"
        for blend in self.blends:
            numbers = (*blend.weights, blend.offset)
            each = len(blend.weights) == len(blend.members) == len(set(blend.members))
            if not each or not np.isfinite(numbers).all():
                yield (
                    f"fusion of {' and '.join(blend.members)} has weights {list(blend.weights)} and "
                    f"offset {blend.offset}; a finite weight for each member and a finite offset are needed"
                )


def alone(member: str) -> Fusion:
    """One model's probability as it is."""
    return Fusion((member,), (Blend((member,), (1.0,), 0.0),))


def log_odds(probability: Probability) -> NDArray[np.float64]:
    """Finite, also of 0 and 1."""
    p = probability.astype(np.float64).clip(LEAST, 1 - LEAST)
    odds: NDArray[np.float64] = np.log(p) - np.log1p(-p)
    return odds


def likely(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability of log-odds, whose inverse `log_odds` is."""
    probability: NDArray[np.float64] = np.exp(-np.logaddexp(0.0, -odds))
    return probability


def subsets(members: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """All that have a member, the smallest first."""
    for size in range(1, len(members) + 1):
        yield from combinations(members, size)
