"""Item features as known at a cut-off, and promotions that are known in advance."""

from datetime import datetime, timedelta

import polars as pl

from serving.features.fold import DIGITS
from training.prepare.users import age_days, decay, mean_gap_days

POPULARITY_HALF_LIFE_DAYS = 28.0


def activity(events: pl.LazyFrame, cutoff: datetime) -> pl.LazyFrame:
    """Sales, buyers, price, loyalty and age of each item sold before the cut-off."""
    known = events.filter(pl.col("time") < cutoff).with_columns(age=age_days(cutoff))
    pairs = (
        known.group_by("item_id", "user_id")
        .agg(times=pl.len(), gap=mean_gap_days(pl.len()))
        .group_by("item_id")
        .agg(
            buyers=pl.len(),
            repeat_buyer_share=(pl.col("times") > 1).mean(),
            repeat_interval_days=pl.col("gap").median(),
            events_per_buyer=pl.col("times").mean(),
        )
    )
    return (
        known.group_by("item_id")
        .agg(
            *[(pl.col("age") <= days).sum().alias(f"events_{days}d") for days in (7, 28, 91)],
            *[
                pl.col("user_id").filter(pl.col("age") <= days).n_unique().alias(f"buyers_{days}d")
                for days in (28, 91)
            ],
            popularity=decay(cutoff, POPULARITY_HALF_LIFE_DAYS).sum().round(DIGITS),
            trend=(pl.col("age") <= 28).sum() / (pl.col("age") <= 91).sum(),
            price_91d=_unit_price(91),
            price_ratio=_unit_price(14) / _unit_price(91),
            quantity_mean=pl.col("quantity").mean(),
            days_since_first=pl.col("age").max(),
            days_since_last=pl.col("age").min(),
        )
        .join(pairs, on="item_id")
    )


def _unit_price(days: int) -> pl.Expr:
    inside = pl.col("age") <= days
    priced = inside & pl.col("value").is_not_null()
    return pl.col("value").filter(inside).sum() / pl.col("quantity").filter(priced).sum()


def placement(placements: pl.LazyFrame, cutoff: datetime, horizon: timedelta) -> pl.LazyFrame:
    """Promotion over the coming week and horizon, announced before the cut-off; not a leak.

    Each column's mean over the window, an item without a promotion counting 0; and its change
    against the week before.
    """
    week = timedelta(days=7)
    windows = {
        "coming_week": (cutoff, cutoff + week),
        "horizon": (cutoff, cutoff + horizon),
        "past_week": (cutoff - week, cutoff),
    }
    numeric = [
        c for c in placements.collect_schema().names() if c not in ("item_id", "start", "end")
    ]
    return placements.group_by("item_id").agg(
        (pl.col(column) * _overlap(*window)).sum().alias(f"{column}_{name}")
        for name, window in windows.items()
        for column in numeric
    )


def _overlap(start: datetime, end: datetime) -> pl.Expr:
    """The share of [start, end) that a placement covers."""
    latest = pl.max_horizontal(pl.col("start"), pl.lit(start))
    earliest = pl.min_horizontal(pl.col("end"), pl.lit(end))
    covered = (earliest - latest).dt.total_microseconds().clip(lower_bound=0)
    return covered / ((end - start) / timedelta(microseconds=1))
