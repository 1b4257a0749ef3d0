"""The feature views of a data set: what each holds and how it is computed at a cut-off."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from serving.features import fold
from serving.features.fold import Updates
from serving.features.read_plan import StaleAction
from training.prepare import engagement, items, users
from training.prepare.contract import DataSet

DAY_S = 86_400
LENGTHS = {"owned": users.OWNED_LENGTH, "recent": users.RECENT_LENGTH}


@dataclass(frozen=True, slots=True)
class View:
    """A feature view: its entity, its rows at a cut-off, how long they may be used and what is done then.

    `updates` says how events change its rows while the system serves; None: not before the next preparation.
    """

    name: str
    entity: str
    max_age_s: int
    at: Callable[[datetime], pl.LazyFrame]
    updates: Updates | None = None
    stale_action: StaleAction = "serve_marked"


def views(
    data: DataSet, events: pl.LazyFrame, known_items: pl.DataFrame, others: pl.LazyFrame
) -> list[View]:
    """The views that the data set's roles allow.

    Args:
        data: the opened data set.
        events: clean events of the target kinds with item_key and affinity columns as keys.
        known_items: the catalogue, one row an item, with item_id.
        others: events of the other kinds, as `engagement.other_events` gives them.
    """
    ids = known_items.lazy().select("item_id")
    bought = Updates(
        "history", tuple(data.target_kinds), users.HALF_LIFE_DAYS, users.FURTHER_HALF_LIFE_DAYS
    )
    found = [
        View("user_activity", "user", 15 * DAY_S, lambda t: users.activity(events, t)),
        View("user_history", "user", 15 * DAY_S, lambda t: users.history(events, t), bought),
        View("item_activity", "item", 15 * DAY_S, lambda t: _activity(events, ids, t)),
    ]
    if _user_columns(data):
        found.append(
            View("user_profile", "user", 3650 * DAY_S, lambda t: _user_profile(data, events, t))
        )
    if _item_columns(data):
        profile = known_items.lazy().select("item_id", *_item_columns(data))
        found.append(View("item_profile", "item", 3650 * DAY_S, lambda _: profile))
    if data.affinity_columns:
        columns = data.affinity_columns
        found.append(
            View("user_affinity", "user", 15 * DAY_S, lambda t: users.affinity(events, t, columns))
        )
    return [*found, *_placed(data, ids), *_engaged(others, ids)]


def _placed(data: DataSet, ids: pl.LazyFrame) -> list[View]:
    placements, horizon = data.placements, data.horizon
    if placements is None:
        return []

    def at(cutoff: datetime) -> pl.LazyFrame:
        """An item that is nowhere promoted is known to be so: 0, not null."""
        rows = items.placement(placements, cutoff, horizon)
        return ids.join(rows, on="item_id", how="left").with_columns(
            pl.selectors.float().fill_null(0.0)
        )

    return [View("item_placement", "item", 8 * DAY_S, at)]


def _engaged(others: pl.LazyFrame, ids: pl.LazyFrame) -> list[View]:
    kinds = engagement.kinds_in(others)
    if not kinds:
        return []

    def of_items(cutoff: datetime) -> pl.LazyFrame:
        """An item that nobody noticed is known to be so: 0, not null."""
        rows = engagement.counts(others, cutoff, "item_id", kinds)
        return ids.join(rows, on="item_id", how="left").with_columns(
            pl.exclude("item_id").fill_null(0)
        )

    def of_users(cutoff: datetime) -> pl.LazyFrame:
        return engagement.noticed(others, cutoff, kinds)

    names = tuple(engagement.names(kinds))
    updates = Updates("engagement", tuple(kinds), names=names, windows_days=engagement.WINDOWS_DAYS)
    return [
        View("item_engagement", "item", 15 * DAY_S, of_items),
        View("user_engagement", "user", 15 * DAY_S, of_users, updates),
    ]


def _user_columns(data: DataSet) -> tuple[str, ...]:
    return data.user_categoricals + data.user_numerics


def _item_columns(data: DataSet) -> tuple[str, ...]:
    return data.affinity_columns + data.item_categoricals + data.item_numerics


def _user_profile(data: DataSet, events: pl.LazyFrame, cutoff: datetime) -> pl.LazyFrame:
    """Listed users, and those with a history at the cut-off without being listed."""
    listed = data.users.select("user_id", *_user_columns(data)).unique("user_id")
    known = events.filter(pl.col("time") < cutoff).select("user_id").unique()
    unlisted = known.join(listed, on="user_id", how="anti")
    return pl.concat([listed, unlisted], how="diagonal_relaxed")


def _activity(events: pl.LazyFrame, ids: pl.LazyFrame, cutoff: datetime) -> pl.LazyFrame:
    """Every catalogue item has a row; before its first sale all but the counts are null."""
    counts = ["popularity"] + [f"events_{days}d" for days in (7, 28, 91)]
    return ids.join(items.activity(events, cutoff), on="item_id", how="left").with_columns(
        pl.col(counts).fill_null(0)
    )


def field_dtype(dtype: pl.DataType) -> str:
    """The contract's name of a polars type."""
    if isinstance(dtype, pl.List):
        return "int64_list" if dtype.inner == pl.Int64 else "float32_list"
    if dtype == pl.String:
        return "string"
    return "float32" if dtype.is_float() else "int64"


def as_contract(frame: pl.LazyFrame, cutoff: datetime, known_at: datetime) -> pl.LazyFrame:
    """Casts to the contract's types and dates it; what is no finite number is null."""
    schema = frame.collect_schema()
    casts: list[pl.Expr] = []
    for name, dtype in schema.items():
        if name in ("user_id", "item_id") or dtype == pl.String:
            casts.append(pl.col(name))
        elif isinstance(dtype, pl.List):
            integers = field_dtype(dtype) == "int64_list"
            casts.append(pl.col(name).cast(pl.List(pl.Int64 if integers else pl.Float32)))
        else:
            number = pl.col(name).cast(pl.Float32)
            casts.append(pl.when(number.is_finite()).then(number).alias(name))
    return frame.select(casts).with_columns(
        event_timestamp=pl.lit(cutoff).dt.cast_time_unit("us"),
        created_timestamp=pl.lit(known_at).dt.cast_time_unit("us"),
    )


def max_length(view: View, field: str) -> int:
    """The longest list that a list field of the view holds."""
    if view.updates and field in fold.NOTICED:
        return engagement.MOST_NOTICED * len(view.updates.kinds)
    return LENGTHS.get(field.split("_", maxsplit=1)[0], users.AFFINITY_LENGTH)
