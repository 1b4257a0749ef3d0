"""Purchases as the positions that the peers count in; items in the order of their popularity."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

POPULAR_HALF_LIFE_DAYS = 28.0


@dataclass(frozen=True, slots=True)
class Coded:
    """Purchases before a cut-off, by time; users and items are positions in `user_ids` and `item_keys`."""

    user_ids: pl.Series  # (N,) ascending
    item_keys: NDArray[np.int64]  # (I,) best selling first, so that ties go to the more popular
    user: NDArray[np.int64]  # (n,)
    item: NDArray[np.int64]  # (n,)
    basket: NDArray[np.int64]  # (n,) from 0; a basket is one user's
    age_days: NDArray[np.float64]  # (n,) at the cut-off

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.user_ids), len(self.item_keys)

    @property
    def basket_age_days(self) -> NDArray[np.float64]:
        """(baskets,) of the latest purchase in each."""
        ages = np.full(int(self.basket.max(initial=-1)) + 1, np.inf)
        np.minimum.at(ages, self.basket, self.age_days)
        return ages

    def matrix(self, weights: NDArray[np.floating]) -> sp.csr_array:
        """(N, I) float32: the sum of the weights (n,) of the purchases."""
        values = weights.astype(np.float32)
        return sp.csr_array((values, (self.user, self.item)), shape=self.shape)

    def bought(self) -> sp.csr_array:
        """(N, I) float32: 1 where the user ever bought the item."""
        found = self.matrix(np.ones(len(self.user)))
        found.data[:] = 1
        return found


def coded(purchases: pl.DataFrame, cutoff: datetime) -> Coded:
    """Codes purchases: user_id, item_key, group, time.

    Raises:
        ValueError: one is not before the cut-off.
    """
    late = purchases.filter(pl.col("time") >= cutoff).height
    if late:
        raise ValueError(f"{late} purchases are not before the cut-off, {cutoff.isoformat()}")
    ordered = purchases.sort("time", "user_id", "group", "item_key")
    item_keys = best_selling(ordered, cutoff, POPULAR_HALF_LIFE_DAYS)
    places = pl.int_range(len(item_keys), eager=True)
    found = ordered.select(
        user=pl.col("user_id").rank("dense") - 1,
        item=pl.col("item_key").replace_strict(item_keys, places, return_dtype=pl.Int64),
        basket=pl.struct("user_id", "group").rank("dense") - 1,
        age_days=age_days(cutoff),
    )
    return Coded(
        ordered["user_id"].unique().sort(),
        item_keys.to_numpy(),
        found["user"].to_numpy().astype(np.int64),
        found["item"].to_numpy(),
        found["basket"].to_numpy().astype(np.int64),
        found["age_days"].to_numpy(),
    )


def best_selling(purchases: pl.DataFrame, cutoff: datetime, half_life_days: float) -> pl.Series:
    """Item keys by a count that halves every so many days; ties by key."""
    return (
        purchases.group_by("item_key")
        .agg(score=decayed_count(cutoff, half_life_days))
        .sort("score", "item_key", descending=[True, False])["item_key"]
    )


def decayed_count(cutoff: datetime, half_life_days: float) -> pl.Expr:
    """Rounded, as sums in another order differ in their last digits and ties must not."""
    return pl.lit(0.5).pow(age_days(cutoff) / half_life_days).sum().round(9)


def age_days(cutoff: datetime) -> pl.Expr:
    return (pl.lit(cutoff) - pl.col("time")).dt.total_microseconds() / 86_400e6
