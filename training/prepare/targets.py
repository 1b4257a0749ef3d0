"""What was taken, and what else was done, in the horizon after a cut-off."""

from datetime import datetime, timedelta

import polars as pl


def targets(events: pl.LazyFrame, cutoff: datetime, horizon: timedelta) -> pl.LazyFrame:
    """Purchases in [cutoff, cutoff + horizon) by users known before the cut-off.

    One row per user and item: `user_id`, `cutoff`, `item_key`, `first_time`, `in_first_basket`
    (of the horizon), `is_new` (never bought before the cut-off).
    """
    before = events.filter(pl.col("time") < cutoff)
    inside = events.filter(pl.col("time") >= cutoff, pl.col("time") < cutoff + horizon)
    return (
        inside.join(before.select("user_id").unique(), on="user_id", how="semi")
        .with_columns(first_group=pl.col("group").sort_by("time", "group").first().over("user_id"))
        .group_by("user_id", "item_key")
        .agg(
            first_time=pl.col("time").min(),
            in_first_basket=(pl.col("group") == pl.col("first_group")).any(),
        )
        .join(
            before.select("user_id", "item_key", is_new=pl.lit(value=False)).unique(),
            on=["user_id", "item_key"],
            how="left",
        )
        .with_columns(pl.col("is_new").fill_null(value=True), cutoff=pl.lit(cutoff))
        .sort("user_id", "item_key")
    )


def other_actions(
    others: pl.LazyFrame, events: pl.LazyFrame, cutoff: datetime, horizon: timedelta
) -> pl.LazyFrame:
    """Events of the other kinds in [cutoff, cutoff + horizon), of the users whom `targets` is of.

    One row per user, item and kind: `user_id`, `cutoff`, `item_key`, `kind`.

    Args:
        others: as `engagement.other_events` gives them.
        events: those of the target kinds, by which a user is known.
        cutoff: its horizon has ended by now.
        horizon: of labels.
    """
    known = events.filter(pl.col("time") < cutoff).select("user_id").unique()
    return (
        others.filter(pl.col("time") >= cutoff, pl.col("time") < cutoff + horizon)
        .join(known, on="user_id", how="semi")
        .select("user_id", "item_key", "kind", cutoff=pl.lit(cutoff))
        .unique()
        .select("user_id", "cutoff", "item_key", "kind")
        .sort("user_id", "item_key", "kind")
    )
