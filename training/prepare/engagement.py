"""What was noticed without being taken: events of the other kinds, counted as known at a cut-off."""

import re
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from serving.features.keys import string_key
from training.prepare.contract import DataSet
from training.prepare.users import age_days

WINDOWS_DAYS = (7, 28, 91)
MOST_KINDS = 8  # each is three columns of every model
MOST_NOTICED = 128  # events of a kind that a user's row holds


def other_events(data: DataSet, known_items: pl.DataFrame, now: datetime) -> pl.LazyFrame:
    """`user_id`, `item_id`, `item_key`, `kind` and `time` of events of catalogue items that are no target's.

    None of a later time than now, so that what is still to come can't decide which kinds there are. Of many
    kinds the most frequent are kept.
    """
    found = (
        data.events.select("user_id", "item_id", "kind", "time")
        .drop_nulls()
        .filter(~pl.col("kind").is_in(list(data.target_kinds)), pl.col("time") < now)
        .join(known_items.lazy().select("item_id", "item_key"), on="item_id")
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


def noticed(others: pl.LazyFrame, cutoff: datetime, kinds: Sequence[str]) -> pl.LazyFrame:
    """A row a user: the latest events, newest first, and how many of each kind and window are among them.

    serving/features/fold.py adds later events to these lists: a change here is one there.
    """
    keys = {kind: string_key(kind) for kind in kinds}
    latest = (
        others.filter(pl.col("time") < cutoff)
        .with_columns(
            pl.col("time").dt.truncate("1s"),
            kind_key=pl.col("kind").replace_strict(keys, default=None, return_dtype=pl.Int64),
        )
        .unique(["user_id", "item_key", "kind_key", "time"])
        .sort("time", "item_key", "kind_key", descending=[True, False, False])
        .filter(pl.int_range(pl.len()).over("user_id", "kind_key") < MOST_NOTICED)
        .with_columns(age=age_days(cutoff))
    )
    return latest.group_by("user_id", maintain_order=True).agg(
        noticed_item=pl.col("item_key"),
        noticed_kind=pl.col("kind_key"),
        noticed_s=pl.col("time").dt.epoch("s"),
        **{
            f"{name}_{days}d": ((pl.col("kind") == kind) & (pl.col("age") <= days)).sum()
            for kind, name in zip(kinds, names(kinds), strict=True)
            for days in WINDOWS_DAYS
        },
    )


def names(kinds: Sequence[str]) -> list[str]:
    """A column's name for each kind: its own if it can be one, otherwise its number."""
    return [
        kind if re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", kind) else f"kind_{place}"
        for place, kind in enumerate(kinds)
    ]
