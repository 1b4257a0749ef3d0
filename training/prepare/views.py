"""The feature views of a data set: what each holds and how it is computed at a cut-off."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from training.prepare import items, users
from training.prepare.contract import DataSet

HORIZON = timedelta(days=14)
DAY_S = 86_400
LENGTHS = {"owned": users.OWNED_LENGTH, "recent": users.RECENT_LENGTH}


@dataclass(frozen=True, slots=True)
class View:
    """A feature view: its entity, how long a row may be used, and its rows at a cut-off."""

    name: str
    entity: str
    max_age_s: int
    at: Callable[[datetime], pl.LazyFrame]


def views(data: DataSet, events: pl.LazyFrame, known_items: pl.DataFrame) -> list[View]:
    """The views that the data set's roles allow.

    Args:
        data: the opened data set.
        events: clean purchases of catalogue items with item_key and affinity columns as keys.
        known_items: the catalogue, one row an item, with item_id.
    """
    found = [
        View("user_profile", "user", 3650 * DAY_S, lambda t: _user_profile(data, events, t)),
        View("user_activity", "user", 15 * DAY_S, lambda t: users.activity(events, t)),
        View("user_history", "user", 15 * DAY_S, lambda t: users.history(events, t)),
        View("item_profile", "item", 3650 * DAY_S, lambda _: _item_profile(data, known_items)),
        View("item_activity", "item", 15 * DAY_S, lambda t: _activity(events, known_items, t)),
    ]
    if data.affinity_columns:
        columns = data.affinity_columns
        found.append(
            View("user_affinity", "user", 15 * DAY_S, lambda t: users.affinity(events, t, columns))
        )
    placements = data.placements
    if placements is not None:
        ids = known_items.lazy().select("item_id")
        found.append(
            View(
                "item_placement",
                "item",
                8 * DAY_S,
                # An item that is nowhere promoted is known to be so: 0, not null.
                lambda t: ids.join(
                    items.placement(placements, t, HORIZON), on="item_id", how="left"
                ).with_columns(pl.selectors.float().fill_null(0.0)),
            )
        )
    return found


def _user_profile(data: DataSet, events: pl.LazyFrame, cutoff: datetime) -> pl.LazyFrame:
    """Listed users, and those that bought before the cut-off without being listed."""
    listed = data.users.select("user_id", *data.user_categoricals).unique("user_id")
    known = events.filter(pl.col("time") < cutoff).select("user_id").unique()
    bought = known.join(listed, on="user_id", how="anti")
    return pl.concat([listed, bought], how="diagonal_relaxed")


def _item_profile(data: DataSet, known_items: pl.DataFrame) -> pl.LazyFrame:
    columns = (*data.categories, *data.brands, *data.item_categoricals)
    return known_items.lazy().select("item_id", *columns)


def _activity(events: pl.LazyFrame, known_items: pl.DataFrame, cutoff: datetime) -> pl.LazyFrame:
    """Every catalogue item has a row; before its first sale all but the counts are null."""
    counts = ["popularity"] + [f"events_{days}d" for days in (7, 28, 91)]
    return (
        known_items.lazy()
        .select("item_id")
        .join(items.activity(events, cutoff), on="item_id", how="left")
        .with_columns(pl.col(counts).fill_null(0))
    )


def field_dtype(dtype: pl.DataType) -> str:
    """The contract's name of a polars type."""
    if isinstance(dtype, pl.List):
        return "int64_list" if dtype.inner == pl.Int64 else "float32_list"
    if dtype == pl.String:
        return "string"
    return "float32" if dtype.is_float() else "int64"


def as_contract(frame: pl.LazyFrame, cutoff: datetime, known_at: datetime) -> pl.LazyFrame:
    """Casts to the contract's types and dates it; what could not be computed is null, not NaN."""
    schema = frame.collect_schema()
    casts: list[pl.Expr] = []
    for name, dtype in schema.items():
        if name in ("user_id", "item_id") or dtype == pl.String:
            casts.append(pl.col(name))
        elif isinstance(dtype, pl.List):
            integers = field_dtype(dtype) == "int64_list"
            casts.append(pl.col(name).cast(pl.List(pl.Int64 if integers else pl.Float32)))
        else:
            casts.append(pl.col(name).cast(pl.Float32).fill_nan(None))
    return frame.select(casts).with_columns(
        event_timestamp=pl.lit(cutoff).dt.cast_time_unit("us"),
        created_timestamp=pl.lit(known_at).dt.cast_time_unit("us"),
    )


def max_length(field: str) -> int:
    """The longest list that a list field holds."""
    return LENGTHS.get(field.split("_", maxsplit=1)[0], users.AFFINITY_LENGTH)
