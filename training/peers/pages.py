"""What every peer answers with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.peers.coded import Coded

AT_ONCE = 256  # users whose scores of all items are in memory together

Scores = Callable[[NDArray[np.int64]], NDArray[np.floating]]  # (n,) users to (n, I)


@dataclass(frozen=True, slots=True)
class Pages:
    """Item keys, best first, -1 where there are fewer: (U, count) each."""

    any: NDArray[np.int64]
    new: NDArray[np.int64]  # without what the user bought before


def listed(rows: Iterable[Iterable[int]], count: int) -> NDArray[np.int64]:
    """(U, count) the first keys of each row."""
    taken = (list(islice(row, count)) for row in rows)
    padded = [row + [-1] * (count - len(row)) for row in taken]
    return np.array(padded, dtype=np.int64).reshape(-1, count)


def best_scored(at: Coded, user_ids: pl.Series, count: int, scores: Scores) -> Pages:
    """The items with the highest scores; popularity for users who never bought anything."""
    places = _places(at, user_ids)
    bought = at.bought()
    found = Pages(*(np.full((len(places), count), -1, dtype=np.int64) for _ in ("any", "new")))
    for start in range(0, len(places), AT_ONCE):
        here = places[start : start + AT_ONCE]
        scored = np.zeros((len(here), at.shape[1]))
        scored[here >= 0] = scores(here[here >= 0])
        for row, (place, mine) in enumerate(zip(here, scored, strict=True), start):
            _fill(found.any[row], at.item_keys, mine)
            if place >= 0:
                mine[bought.indices[bought.indptr[place] : bought.indptr[place + 1]]] = -np.inf
            _fill(found.new[row], at.item_keys, mine)
    return found


def _fill(row: NDArray[np.int64], keys: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    """Writes the best keys; equal scores are in the order of the keys, which is by popularity."""
    size = min(len(row), len(scores))
    least = np.partition(scores, -size)[-size] if size else 0.0
    likely = np.flatnonzero(scores >= least)
    best = likely[np.argsort(-scores[likely], kind="stable")][:size]
    best = best[scores[best] > -np.inf]
    row[: len(best)] = keys[best]


def _places(at: Coded, user_ids: pl.Series) -> NDArray[np.int64]:
    """(U,) positions of the users, -1 of an unknown one."""
    known = pl.DataFrame({"user_id": at.user_ids}).with_row_index("place")
    asked = pl.DataFrame({"user_id": user_ids})
    joined = asked.join(known, on="user_id", how="left", maintain_order="left")
    return joined["place"].cast(pl.Int64).fill_null(-1).to_numpy()
