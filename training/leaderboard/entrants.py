"""Who takes part in the leaderboard: one closed table a protocol.

A model that ranks purchases, `rank(purchases, cutoff, user_ids, count, parameters, seed)`, becomes one by
`ranked`; one that reads features, or scores candidates, answers a `Question` itself.
"""

import inspect
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.leaderboard import boosted, coupon_entrants, next_entrants, ours
from training.leaderboard.answers import DEEPEST, Answers
from training.leaderboard.contests import Kind
from training.leaderboard.question import NO_SEED, SEEDS, Entrant, Question
from training.peers.table import PEERS
from training.peers.tuned import read_tuned


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


def ranked(
    rank: Rank[P_contra],
    parameters: P_contra,
    seeds: tuple[int, ...] = NO_SEED,
    new_parameters: P_contra | None = None,
) -> Entrant:
    """An entrant that ranks purchases alone; what is new by parameters of its own, where they differ."""
    of_new = parameters if new_parameters is None else new_parameters
    apart = of_new != parameters

    def answer(question: Question, seed: int) -> Answers:
        asked = question.purchases, question.cutoff, question.user_ids, DEEPEST
        began = time.perf_counter()
        pages = rank(*asked, parameters, seed)
        new = rank(*asked, of_new, seed).new if apart else pages.new
        return Answers(question.user_ids, pages.any, new, time.perf_counter() - began)

    given = f"{parameters!r}, new: {of_new!r}" if apart else repr(parameters)
    return Entrant(answer, source_of(rank), seeds, given=lambda: given)


def source_of(function: object) -> Path:
    """The file that a function or an object's class is written in."""
    written = function if inspect.isfunction(function) else type(function)
    return Path(inspect.getfile(written))


def peer(name: str) -> Entrant:
    """A peer by the parameters that tuning chose for it; its defaults before it was tuned."""
    of = PEERS[name]
    seeds = SEEDS if of.draws else NO_SEED
    tuned = read_tuned().get(name)
    if tuned is None:
        return ranked(of.rank, of.defaults, seeds)
    return ranked(of.rank, tuned.parameters, seeds, tuned.new_parameters)


ENTRANTS: Mapping[Kind, Mapping[str, Entrant]] = {
    "by_cutoff": {name: peer(name) for name in PEERS} | ours.ENTRANTS | boosted.ENTRANTS,
    "leave_one_out": next_entrants.ENTRANTS,
    "responses": coupon_entrants.ENTRANTS,
}
