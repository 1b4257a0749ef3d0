"""Cleaning: what counts as taking an item, and which items are in the catalogue."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

DIGITS = 6  # kept of a sum, so that the order of its terms can't be seen


def problems(events: pl.LazyFrame, target_kinds: Sequence[str]) -> pl.LazyFrame:
    """One row: how many lines `clean_events` leaves out, by reason, and how many there are."""
    return events.select(
        lines=pl.len(),
        of_other_kinds=(~_taken(target_kinds)).sum(),
        without_id=pl.any_horizontal(_missing_ids()).sum(),
        without_time=pl.col("time").is_null().sum(),
        without_quantity=(_taken(target_kinds) & ~_positive("quantity")).sum(),
        without_value=(_taken(target_kinds) & ~_unknown_or_positive("value")).sum(),
    )


def clean_events(events: pl.LazyFrame, target_kinds: Sequence[str]) -> pl.LazyFrame:
    """Events of the target kinds with a user, an item, a time and a quantity; one per group and item.

    A group is a basket or session. A value may be unknown; known ones are above 0. Returned sorted by time.
    """
    return (
        events.filter(
            _taken(target_kinds),
            ~pl.any_horizontal(_missing_ids()),
            pl.col("time").is_not_null(),
            _positive("quantity"),
            _unknown_or_positive("value"),
        )
        .group_by("user_id", "group", "item_id")
        .agg(
            pl.col("time").min(),
            pl.col("quantity").sum().round(DIGITS),
            # One line of unknown value makes the sum unknown.
            pl.when(pl.col("value").is_not_null().all())
            .then(pl.col("value").sum().round(DIGITS))
            .alias("value"),
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


def _taken(target_kinds: Sequence[str]) -> pl.Expr:
    return pl.col("kind").is_in(list(target_kinds)).fill_null(value=False)


def _missing_ids() -> list[pl.Expr]:
    return [pl.col(name).is_null() for name in ("user_id", "item_id", "group")]


def _positive(name: str) -> pl.Expr:
    return (pl.col(name).is_finite() & (pl.col(name) > 0)).fill_null(value=False)


def _unknown_or_positive(name: str) -> pl.Expr:
    return pl.col(name).is_null() | _positive(name)
