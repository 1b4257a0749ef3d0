"""The events that stand in an event log, for whoever learns from them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

INSTANT = pl.Datetime("us", "UTC")
SCHEMA: Mapping[str, Any] = {
    "event_id": pl.String,
    "user_id": pl.String,  # null where the person is not to be recognised
    "user_hash": pl.Binary,
    "item_id": pl.String,
    "kind": pl.String,
    "event_time": INSTANT,
    "arrival_time": INSTANT,
    "group_id": pl.String,
    "quantity": pl.Float64,
    "value": pl.Float64,
    "request_token": pl.String,
    "slot": pl.Int32,
    "personalization": pl.Boolean,
    "partition": pl.Int16,
    "position_ms": pl.Int64,
    "position_number": pl.Int64,
}
PLACE = ("partition", "position_ms", "position_number")  # tells one event from every other


def read_event_log(folder: Path) -> pl.LazyFrame:
    """All events, each once, by partition and position; none if nothing was written yet."""
    files = sorted(folder.glob("day=*/*.parquet"))
    if not files:
        return pl.LazyFrame(schema=SCHEMA)
    return pl.scan_parquet(files, hive_partitioning=False).unique(PLACE).sort(PLACE)
