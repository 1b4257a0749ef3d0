"""User features as known at a cut-off: every function uses events before it alone.

`events` are clean purchases of catalogue items with columns user_id, item_id, item_key, group, group_key,
time, quantity, value and the items' affinity columns as keys. Decay is by half-life, as in personal
purchase counts of the next-basket literature (Hu et al., TIFU-KNN, SIGIR 2020).
"""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from serving.features.fold import DIGITS

OWNED_LENGTH = 512
RECENT_LENGTH = 64
AFFINITY_LENGTH = 128
HALF_LIFE_DAYS = 91.0  # of owned_score, by which lists are ordered, and of affinities
FURTHER_HALF_LIFE_DAYS = {"owned_score_28": 28.0, "owned_score_364": 364.0}
WINDOWS_DAYS = (7, 28, 91, 364)


def age_days(cutoff: datetime, column: str = "time") -> pl.Expr:
    return (pl.lit(cutoff) - pl.col(column)).dt.total_microseconds() / 86_400e6


def decay(cutoff: datetime, half_life_days: float) -> pl.Expr:
    """0.5 to the power of age over half-life: 1 for an event at the cut-off."""
    return (age_days(cutoff) * (-0.6931471805599453 / half_life_days)).exp()


def mean_gap_days(count: pl.Expr) -> pl.Expr:
    """Mean days between `count` purchases, the earliest and latest of a group's; null for a single one."""
    span = (pl.col("time").max() - pl.col("time").min()).dt.total_microseconds() / 86_400e6
    return pl.when(count > 1).then(span / (count - 1))


def activity(events: pl.LazyFrame, cutoff: datetime) -> pl.LazyFrame:
    """Baskets, items and value over several windows, recency, rhythm, share of repeats."""
    known = events.filter(pl.col("time") < cutoff).with_columns(
        age=age_days(cutoff),
        repeat=pl.col("time").rank("ordinal").over("user_id", "item_key") > 1,
    )
    baskets = (
        known.group_by("user_id", "group")
        .agg(pl.col("time").min())
        .group_by("user_id")
        .agg(basket_interval_days=mean_gap_days(pl.len()))
    )
    return (
        known.group_by("user_id")
        .agg(
            *[f for days in WINDOWS_DAYS for f in _window(days)],
            days_since_last=pl.col("age").min(),
            days_since_first=pl.col("age").max(),
            distinct_items=pl.col("item_key").n_unique(),
            items_per_basket=pl.len() / pl.col("group").n_unique(),
            value_per_item=pl.col("value").sum() / of_known_value("quantity").sum(),
            repeat_share_91d=pl.col("repeat").filter(pl.col("age") <= 91).mean(),
            value_per_line_91d=pl.col("value").filter(pl.col("age") <= 91).mean(),
        )
        .join(baskets, on="user_id")
    )


def of_known_value(name: str) -> pl.Expr:
    """A column where the value is known: what a sum of values may be divided by."""
    return pl.col(name).filter(pl.col("value").is_not_null())


def _window(days: int) -> list[pl.Expr]:
    inside = pl.col("age") <= days
    values = pl.col("value").filter(inside)
    return [
        pl.col("group").filter(inside).n_unique().alias(f"baskets_{days}d"),
        inside.sum().alias(f"items_{days}d"),
        pl.when(values.null_count() == 0).then(values.sum()).alias(f"value_{days}d"),
    ]


def history(events: pl.LazyFrame, cutoff: datetime) -> pl.LazyFrame:
    """What the user bought: items by decayed count, and the latest events, newest first.

    serving/features/fold.py adds later events to these lists: a change here is one there.
    """
    known = events.filter(pl.col("time") < cutoff)
    owned = (
        known.group_by("user_id", "item_key")
        .agg(
            score=decay(cutoff, HALF_LIFE_DAYS).sum().round(DIGITS),
            **{
                name: decay(cutoff, days).sum().round(DIGITS)
                for name, days in FURTHER_HALF_LIFE_DAYS.items()
            },
            count=pl.len().cast(pl.Float32),
            last_s=pl.col("time").max().dt.epoch("s"),
            interval=mean_gap_days(pl.len()).fill_null(float("nan")),
        )
        .sort("user_id", "score", "item_key", descending=[False, True, False])
        .group_by("user_id", maintain_order=True)
        .agg(pl.all().head(OWNED_LENGTH))
        .rename(
            {
                "item_key": "owned_item",
                "score": "owned_score",
                "count": "owned_count",
                "last_s": "owned_last_s",
                "interval": "owned_interval_days",
            }
        )
    )
    recent = (
        known.with_columns(second=pl.col("time").dt.epoch("s"))  # rows know no more of it
        .sort("second", "item_key", "group_key", descending=[True, False, False])
        .group_by("user_id", maintain_order=True)
        .agg(
            recent_item=pl.col("item_key").head(RECENT_LENGTH),
            recent_s=pl.col("second").head(RECENT_LENGTH),
            recent_group=pl.col("group_key").head(RECENT_LENGTH),
        )
    )
    return owned.join(recent, on="user_id")


def affinity(events: pl.LazyFrame, cutoff: datetime, columns: Sequence[str]) -> pl.LazyFrame:
    """For each item column, the user's purchases by its value, largest decayed share of them first.

    Beside the share: when the last was, and the mean days from one basket with the value to the next.
    """
    known = events.filter(pl.col("time") < cutoff).with_columns(
        weight=decay(cutoff, HALF_LIFE_DAYS)
    )
    users = known.select("user_id").unique()
    for column in columns:
        users = users.join(_by_value(known, column), on="user_id", how="left")
    return users


def _by_value(known: pl.LazyFrame, column: str) -> pl.LazyFrame:
    key, share = f"{column}_key", f"{column}_share"
    last_s, interval = f"{column}_last_s", f"{column}_interval_days"
    baskets = pl.col("group").n_unique()
    return (
        known.group_by("user_id", pl.col(column).alias(key))
        .agg(
            pl.col("weight").sum().alias(share),
            pl.col("time").max().dt.epoch("s").alias(last_s),
            mean_gap_days(baskets).fill_null(float("nan")).alias(interval),
        )
        .with_columns((pl.col(share) / pl.col(share).sum().over("user_id")).round(DIGITS))
        .filter(pl.col(key) >= 0)
        .sort("user_id", share, key, descending=[False, True, False])
        .group_by("user_id", maintain_order=True)
        .agg(pl.col(key, share, last_s, interval).head(AFFINITY_LENGTH))
    )
