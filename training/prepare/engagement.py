"""What was noticed without being taken: events of the other kinds, counted as known at a cut-off."""

import re
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from training.prepare.contract import DataSet
from training.prepare.users import age_days

WINDOWS_DAYS = (7, 28, 91)
MOST_KINDS = 8  # each is three columns of every model


def other_events(data: DataSet, known_items: pl.DataFrame, now: datetime) -> pl.LazyFrame:
    """`user_id`, `item_id`, `kind` and `time` of the events of catalogue items that are no target's.

    None of a later time than now, so that what is still to come can't decide which kinds there are. Of many
    kinds the most frequent are kept.
    """
    found = (
        data.events.select("user_id", "item_id", "kind", "time")
        .drop_nulls()
        .filter(~pl.col("kind").is_in(list(data.target_kinds)), pl.col("time") < now)
        .join(known_items.lazy().select("item_id"), on="item_id", how="semi")
    )
    frequent = (
        found.group_by("kind")
        .len()
        .sort("len", "kind", descending=[True, False])
        .head(MOST_KINDS)
        .select("kind")
    )
    return found.join(frequent, on="kind", how="semi")


def kinds_in(others: pl.LazyFrame) -> list[str]:
    return others.select(pl.col("kind").unique().sort()).collect()["kind"].to_list()


def counts(
    others: pl.LazyFrame, cutoff: datetime, entity: str, kinds: Sequence[str]
) -> pl.LazyFrame:
    """A row an entity with any such event before the cut-off, a column a kind and window."""
    known = others.filter(pl.col("time") < cutoff).with_columns(age=age_days(cutoff))
    return known.group_by(entity).agg(
        ((pl.col("kind") == kind) & (pl.col("age") <= days)).sum().alias(f"{name}_{days}d")
        for kind, name in zip(kinds, names(kinds), strict=True)
        for days in WINDOWS_DAYS
    )


def names(kinds: Sequence[str]) -> list[str]:
    """A column's name for each kind: its own if it can be one, otherwise its number."""
    return [
        kind if re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", kind) else f"kind_{place}"
        for place, kind in enumerate(kinds)
    ]
