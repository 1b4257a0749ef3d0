"""What sells best, the same for all: a count that halves every 4 weeks."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from training.peers.coded import POPULAR_HALF_LIFE_DAYS, best_selling
from training.peers.pages import Pages, listed


@dataclass(frozen=True, slots=True)
class Popularity:
    half_life_days: float = POPULAR_HALF_LIFE_DAYS


def rank(
    purchases: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    count: int,
    parameters: Popularity,
    seed: int,
) -> Pages:
    del seed  # nothing is drawn
    popular = best_selling(purchases, cutoff, parameters.half_life_days).to_list()
    grouped = purchases.group_by("user_id").agg(pl.col("item_key").unique())
    bought = {user: set(keys) for user, keys in grouped.iter_rows()}
    owned = [bought.get(user, set()) for user in user_ids]
    return Pages(
        listed((popular for _ in owned), count),
        listed(((key for key in popular if key not in own) for own in owned), count),
    )
