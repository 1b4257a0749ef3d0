"""Cleaning: what counts as a purchase, and which items are in the catalogue."""

from datetime import datetime

import polars as pl

TARGET_KIND = "purchase"
DIGITS = 6  # kept of a sum, so that the order of its terms can't be seen


def problems(events: pl.LazyFrame) -> pl.LazyFrame:
    """One row: how many lines `clean_events` leaves out, by reason, and how many there are."""
    return events.select(
        lines=pl.len(),
        without_id=pl.any_horizontal(_missing_ids()).sum(),
        without_time=pl.col("time").is_null().sum(),
        without_quantity=(~_positive("quantity")).sum(),
        without_value=(~_positive("value")).sum(),
    )


def clean_events(events: pl.LazyFrame) -> pl.LazyFrame:
    """Purchases with a user, an item, a time, a quantity and a value; one per group and item.

    A group is a basket or session. Returned sorted by time.
    """
    return (
        events.filter(
            pl.col("kind") == TARGET_KIND,
            ~pl.any_horizontal(_missing_ids()),
            pl.col("time").is_not_null(),
            _positive("quantity"),
            _positive("value"),
        )
        .group_by("user_id", "group", "item_id")
        .agg(
            pl.col("time").min(),
            *(pl.col(name).sum().round(DIGITS) for name in ("quantity", "value")),
        )
        .sort("time", "user_id", "group", "item_id")
    )


def catalogue(events: pl.LazyFrame, now: datetime, min_events: int) -> pl.LazyFrame:
    """`item_id` of the items with at least `min_events` clean events before `now`, ascending."""
    return (
        events.filter(pl.col("time") < now)
        .group_by("item_id")
        .len()
        .filter(pl.col("len") >= min_events)
        .select("item_id")
        .sort("item_id")
    )


def _missing_ids() -> list[pl.Expr]:
    return [pl.col(name).is_null() for name in ("user_id", "item_id", "group")]


def _positive(name: str) -> pl.Expr:
    return (pl.col(name).is_finite() & (pl.col(name) > 0)).fill_null(value=False)
