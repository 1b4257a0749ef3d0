"""Events that the gateway recorded, beside those of the data set."""

from dataclasses import replace
from datetime import datetime

import polars as pl

from training.prepare.contract import DataSet


def recorded_events(data: DataSet, log: pl.LazyFrame, now: datetime) -> pl.DataFrame:
    """What the event log adds to the data set's events, in their columns, as known at `now`.

    Left out is what came in later, what is of nobody who is to be recognised, and what the data set has
    already: by its event ids or, if it has none, whatever is not after its last event. An event that was sent
    twice counts once. One from the future is of the moment when it came in, as the gateway takes it.
    """
    number = pl.Int64 if data.id_kind == "integer" else pl.String
    time = pl.min_horizontal("event_time", "arrival_time")
    found = log.filter(pl.col("user_id").is_not_null(), pl.col("arrival_time") < now).select(
        "event_id",
        pl.col("user_id", "item_id").cast(number),
        "kind",
        time=time,
        group=pl.coalesce("group_id", time.dt.date().cast(pl.String)),
        quantity=pl.col("quantity").fill_null(1.0),
        value=pl.col("value"),
    )
    once = found.unique(["user_id", "event_id"], keep="first", maintain_order=True)
    return _unknown_to(data, once).sort("time", "user_id", "event_id").drop("event_id").collect()


def with_recorded(data: DataSet, recorded: pl.DataFrame) -> DataSet:
    """The data set with these events among its own; groups are then texts."""
    if recorded.is_empty():
        return data
    own = data.events.with_columns(pl.col("group").cast(pl.String))
    added = recorded.lazy().with_columns(event_id=pl.lit(None, pl.String))
    return replace(data, events=pl.concat([own, added.select(own.collect_schema().names())]))


def _unknown_to(data: DataSet, found: pl.LazyFrame) -> pl.LazyFrame:
    told = data.events.select(
        ids=pl.col("event_id").is_not_null().any(), last=pl.col("time").max()
    ).collect()
    ids, last = told.row(0)
    if ids:
        return found.join(data.events.select("event_id").drop_nulls(), on="event_id", how="anti")
    return found if last is None else found.filter(pl.col("time") > last)
