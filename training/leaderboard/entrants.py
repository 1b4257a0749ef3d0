"""Who takes part in the leaderboard: one closed table a protocol, and what an entrant is.

A model that ranks purchases, `rank(purchases, cutoff, user_ids, count, parameters, seed)`, becomes one by
`ranked`; one that reads features, or scores candidates, answers a `Question` itself.
"""

import inspect
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.evaluation import baselines
from training.leaderboard.answers import DEEPEST, Answers
from training.leaderboard.contests import Contest, Kind, Period

SEEDS = (7, 8, 9)  # of what draws
NO_SEED = (0,)


@dataclass(frozen=True, slots=True)
class Question:
    """What an entrant may know: nothing at or after the cut-off."""

    state: Path  # prepared features are read as of the cut-off or earlier
    purchases: pl.DataFrame  # user_id, item_key, group, time: before the cut-off
    cutoff: datetime
    user_ids: pl.Series


class Answering(Protocol):
    def __call__(self, question: Question, seed: int) -> Answers: ...


class Pages(Protocol):
    """(U, count) item keys each, best first, -1 where there are fewer."""

    @property
    def any(self) -> NDArray[np.int64]: ...
    @property
    def new(self) -> NDArray[np.int64]: ...


P_contra = TypeVar("P_contra", contravariant=True)


class Rank(Protocol[P_contra]):
    def __call__(
        self,
        purchases: pl.DataFrame,
        cutoff: datetime,
        user_ids: pl.Series,
        count: int,
        parameters: P_contra,
        seed: int,
    ) -> Pages: ...


@dataclass(frozen=True, slots=True)
class Entrant:
    """How one answers; its answers are made anew when `source` changes."""

    answer: Answering
    source: Path
    seeds: tuple[int, ...] = SEEDS


def ranked(
    rank: Rank[P_contra],
    parameters: P_contra,
    seeds: tuple[int, ...] = NO_SEED,
) -> Entrant:
    """An entrant that ranks purchases alone."""

    def answer(question: Question, seed: int) -> Answers:
        began = time.perf_counter()
        pages = rank(
            question.purchases, question.cutoff, question.user_ids, DEEPEST, parameters, seed
        )
        seconds = time.perf_counter() - began
        return Answers(question.user_ids, pages.any, pages.new, seconds)

    return Entrant(answer, source_of(rank), seeds)


def question(contest: Contest, period: Period) -> Question:
    return Question(contest.state, period.history, period.cutoff, period.user_ids)


def source_of(function: object) -> Path:
    """The file that a function or an object's class is written in."""
    written = function if inspect.isfunction(function) else type(function)
    return Path(inspect.getfile(written))


@dataclass(frozen=True, slots=True)
class _Pages:
    any: NDArray[np.int64]
    new: NDArray[np.int64]


class _Slate(Protocol):
    def __call__(
        self, known: baselines.Known, user_ids: pl.Series, *, exclude_purchased: bool, count: int
    ) -> NDArray[np.int64]: ...


def _baseline(
    purchases: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    count: int,
    parameters: _Slate,
    seed: int,
) -> _Pages:
    del seed  # nothing is drawn
    known = baselines.known(purchases, cutoff)
    return _Pages(
        parameters(known, user_ids, exclude_purchased=False, count=count),
        parameters(known, user_ids, exclude_purchased=True, count=count),
    )


BASELINES = {
    "popularity": ranked(_baseline, baselines.popularity),
    "personal_decay": ranked(_baseline, baselines.personal_decay),
}
ENTRANTS: Mapping[Kind, Mapping[str, Entrant]] = {
    "by_cutoff": BASELINES,
    "leave_one_out": {"popularity": BASELINES["popularity"]},
}
