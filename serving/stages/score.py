"""Scores candidates for a person: their features, their probabilities, and on request its reasons."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from serving.features.item_values import ReadItems
from serving.features.rows import UserRows
from serving.policy import Budget
from serving.stages.explain import MOST_EXPLAINED, Explain
from serving.stages.gather import Gather, Gathered
from serving.stages.rank import Rank, Ranked
from serving.trail import Trail
from serving.types import Keys, ServedItem


@dataclass(frozen=True, slots=True)
class Scores:
    """Of the candidates, in their order."""

    ranked: Ranked | None  # None where no member answered
    oldest_us: int | None  # event time of the oldest row used
    gathered: Gathered | None = None  # what the members were given; None without candidates

    @property
    def probability(self) -> NDArray[np.float32] | None:
        return self.ranked.probability if self.ranked else None


class Score:
    """Gather, rank and explain; what fails is in the trail."""

    def __init__(self, gather: Gather, rank: Rank, explain: Explain) -> None:
        self._gather, self._rank, self._explain = gather, rank, explain

    async def __call__(
        self,
        user: UserRows,
        keys: Keys,
        now_us: int,
        budget: Budget,
        trail: Trail,
        read: ReadItems | None = None,
    ) -> Scores:
        if not len(keys):
            return Scores(None, user.oldest_us)
        with trail.stage("gather"):
            gathered = self._gather(user, keys, now_us, read)
        trail.note(gathered.degradations)
        with trail.stage("rank"):
            answer = self._rank(gathered, budget.share("rank"))
            ranked = await trail.attempt("rank", answer, None)
        trail.note(ranked.degradations if ranked else ())
        used = (user.oldest_us, gathered.oldest_us if ranked else None)
        oldest_us = min((us for us in used if us is not None), default=None)
        return Scores(ranked, oldest_us, gathered)

    async def explained(
        self,
        items: tuple[ServedItem, ...],
        positions: NDArray[np.int64],
        scores: Scores,
        budget: Budget,
        trail: Trail,
    ) -> tuple[ServedItem, ...]:
        """The first items with their explanations; `positions` are those of their candidates."""
        if not items or scores.ranked is None or scores.gathered is None:
            return items
        first = positions[:MOST_EXPLAINED]
        with trail.stage("explain"):
            work = self._explain(scores.gathered, first, scores.ranked, budget.share("explain"))
            found = await trail.attempt("explain", work, ())
        told = tuple(replace(i, explanation=e) for i, e in zip(items, found, strict=False))
        return told + items[len(told) :]
