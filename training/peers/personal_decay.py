"""What the user bought before, by a count that halves every 13 weeks; after that, what is popular.

With the history filtered out it is popularity.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from training.peers import popularity
from training.peers.coded import POPULAR_HALF_LIFE_DAYS, best_selling, decayed_count
from training.peers.pages import Pages, listed


@dataclass(frozen=True, slots=True)
class PersonalDecay:
    half_life_days: float = 91.0


def rank(
    purchases: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    count: int,
    parameters: PersonalDecay,
    seed: int,
) -> Pages:
    popular = best_selling(purchases, cutoff, POPULAR_HALF_LIFE_DAYS).to_list()
    own = own_items(purchases, cutoff, parameters.half_life_days)
    others = popularity.rank(purchases, cutoff, user_ids, count, popularity.Popularity(), seed)
    mine = listed((_then(own.get(user, ()), popular) for user in user_ids), count)
    return Pages(mine, others.new)


def own_items(
    purchases: pl.DataFrame, cutoff: datetime, half_life_days: float
) -> dict[object, list[int]]:
    """Each user's item keys, best first; ties by key."""
    grouped = (
        purchases.group_by("user_id", "item_key")
        .agg(score=decayed_count(cutoff, half_life_days))
        .sort("user_id", "score", "item_key", descending=[False, True, False])
        .group_by("user_id", maintain_order=True)
        .agg("item_key")
    )
    return dict(grouped.iter_rows())


def _then(own: Sequence[int], popular: Sequence[int]) -> Iterator[int]:
    yield from own
    listed_already = set(own)
    yield from (key for key in popular if key not in listed_already)
