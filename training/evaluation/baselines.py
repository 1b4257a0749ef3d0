"""What a shop can do without a model: the bars that every model is measured against.

Popularity is a count that halves every 4 weeks. Personal decay lists what the user bought before, by a
count that halves every 13 weeks, and then what is popular. With the history filtered out, both are
popularity.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.ragged import ragged

POPULAR_HALF_LIFE_DAYS = 28.0
PERSONAL_HALF_LIFE_DAYS = 91.0


@dataclass(frozen=True, slots=True)
class Known:
    """What was known at a cut-off, in the order in which it would be recommended."""

    popular: NDArray[np.int64]  # (I,) item keys, best selling first; ties by key
    owned: pl.DataFrame  # user_id, item_key: a list, best first


def known(history: pl.DataFrame, cutoff: datetime) -> Known:
    """Ranks the purchases of `history`, all of which lie before the cut-off."""
    popular = (
        history.group_by("item_key")
        .agg(score=_count(cutoff, POPULAR_HALF_LIFE_DAYS))
        .sort("score", "item_key", descending=[True, False])
    )
    owned = (
        history.group_by("user_id", "item_key")
        .agg(score=_count(cutoff, PERSONAL_HALF_LIFE_DAYS))
        .sort("user_id", "score", "item_key", descending=[False, True, False])
        .group_by("user_id", maintain_order=True)
        .agg("item_key")
    )
    return Known(popular["item_key"].to_numpy(), owned)


def popularity(
    known: Known, user_ids: pl.Series, *, exclude_purchased: bool, count: int
) -> NDArray[np.int64]:
    """(U, count) item keys: the best selling, the same for all unless their own are left out."""
    if not exclude_purchased:
        slate = _padded(known.popular[None, :count], count)
        return np.repeat(slate, len(user_ids), axis=0)
    owned = _owned(known, user_ids)
    return _unlisted(known.popular, owned, owned.shape[1] + count, count)


def personal_decay(
    known: Known, user_ids: pl.Series, *, exclude_purchased: bool, count: int
) -> NDArray[np.int64]:
    """(U, count) item keys: the user's own by decayed count, then the best selling others."""
    if exclude_purchased:
        return popularity(known, user_ids, exclude_purchased=True, count=count)
    own = _padded(_owned(known, user_ids)[:, :count], count)
    others = _unlisted(known.popular, own, 2 * count, count)
    both = np.concatenate([own, others], axis=1)
    return _first(both, both >= 0, count)


def _count(cutoff: datetime, half_life_days: float) -> pl.Expr:
    """Rounded, as sums in another order differ in their last digits and ties must not."""
    days = (pl.lit(cutoff) - pl.col("time")).dt.total_microseconds() / 86_400e6
    return pl.lit(0.5).pow(days / half_life_days).sum().round(9)


def _owned(known: Known, user_ids: pl.Series) -> NDArray[np.int64]:
    """(U, longest) what each user bought before, best first, -1 where there are fewer."""
    joined = pl.DataFrame({"user_id": user_ids}).join(
        known.owned, on="user_id", how="left", maintain_order="left"
    )
    longest = int(joined.select(pl.col("item_key").list.len().max().fill_null(0)).item())
    lists = ragged(joined["item_key"], np.int64, longest)
    return lists.pad(np.arange(len(user_ids)), longest).astype(np.int64, copy=False)


def _unlisted(
    popular: NDArray[np.int64], listed: NDArray[np.int64], depth: int, count: int
) -> NDArray[np.int64]:
    """(U, count) the most popular keys, among the first `depth`, that the user's row doesn't list."""
    place = np.argsort(popular[:depth])
    ascending = popular[:depth][place]
    found = np.searchsorted(ascending, listed).clip(max=len(ascending) - 1)
    users, columns = np.nonzero(ascending[found] == listed)
    free = np.ones((len(listed), len(ascending)), dtype=np.bool_)
    free[users, place[found[users, columns]]] = False
    return _first(np.broadcast_to(popular[:depth], free.shape), free, count)


def _first(keys: NDArray[np.int64], wanted: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """(U, count) the first wanted keys of each row, in order, -1 where there are fewer."""
    order = np.argsort(~wanted, axis=1, kind="stable")[:, :count]
    taken = np.where(
        np.take_along_axis(wanted, order, axis=1), np.take_along_axis(keys, order, axis=1), -1
    )
    return _padded(taken, count)


def _padded(keys: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    missing = count - keys.shape[1]
    return np.pad(keys, ((0, 0), (0, missing)), constant_values=-1)
