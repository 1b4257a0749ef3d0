"""What was taken in the horizon after a cut-off."""

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
