"""What people really took after a cut-off, read from the data set's own events.

Nothing here knows a feature or a model. No event at or after the end of the horizon is looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.errors import PreparedError
from training.prepare.clean import clean_events
from training.prepare.contract import open_data_set
from training.ragged import Ragged, ragged

TASKS = ("any", "new", "basket")
SAME_PAGE = {"basket": "any"}  # one page answers what comes first and what comes at all


@dataclass(frozen=True, slots=True)
class Targets:
    """One task: who is asked for, and the item keys that each of them then bought."""

    task: str
    user_ids: pl.Series  # (U,) ascending
    items: Ragged  # (U,) item keys ascending, 1 or more


def read_purchases(state: Path) -> pl.DataFrame:
    """Clean events of the target kinds with catalogue items: `user_id`, `item_key`, `group`, `time`, by time.

    Raises:
        PreparedError: the state folder holds no prepared catalogue.
        DataSetError: the data set is incomplete.
    """
    path = state / "prepared" / "catalogue.parquet"
    if not path.is_file():
        raise PreparedError(f"{path} is missing; run `make up` first")
    data = open_data_set(state / "dataset")
    id_type = pl.Int64 if data.id_kind == "integer" else pl.String
    listed = pl.scan_parquet(path).select(pl.col("item_id").cast(id_type), "item_key")
    return (
        clean_events(data.events, data.target_kinds)
        .join(listed, on="item_id")
        .select("user_id", "item_key", "group", "time")
        .sort("time", "user_id", "group", "item_key")
        .collect(engine="streaming")
    )


def held_out(purchases: pl.DataFrame, cutoff: datetime, horizon: timedelta) -> dict[str, Targets]:
    """The targets of every task in [cutoff, cutoff + horizon).

    `any`: all that was bought; `new`: what the user had never bought before the cut-off; `basket`: the
    user's first basket. A user without a target in a task is not asked for in it.

    Raises:
        PreparedError: nothing was bought in the horizon.
    """
    time = pl.col("time")
    inside = purchases.filter(time >= cutoff, time < cutoff + horizon)
    if inside.is_empty():
        raise PreparedError(
            f"nobody took anything in the {horizon.days} days from {cutoff.isoformat()}, "
            "so there is nothing to score; set an earlier now"
        )
    before = purchases.filter(time < cutoff)
    first = pl.col("group").sort_by("time", "group").first().over("user_id")
    rows = {
        "any": inside,
        "new": inside.join(before, on=["user_id", "item_key"], how="anti"),
        "basket": inside.filter(pl.col("group") == first),
    }
    return {task: _targets(task, rows[task]) for task in TASKS}


def histories(purchases: pl.DataFrame, cutoff: datetime) -> pl.DataFrame:
    """The purchases before the cut-off: all that a recommender may know there."""
    return purchases.filter(pl.col("time") < cutoff)


def rows_of(wanted: pl.Series, of: pl.Series) -> NDArray[np.int64]:
    """Positions of the ids `wanted` in `of`, which holds them all."""
    places = dict(zip(of.to_list(), range(len(of)), strict=True))
    return np.array([places[user] for user in wanted.to_list()], dtype=np.int64)


def counts(targets: Mapping[str, Targets]) -> dict[str, int]:
    """How many users each task asks for."""
    return {task: len(one.user_ids) for task, one in targets.items()}


def _targets(task: str, rows: pl.DataFrame) -> Targets:
    grouped = rows.group_by("user_id").agg(pl.col("item_key").unique().sort()).sort("user_id")
    longest = int(grouped.select(pl.col("item_key").list.len().max().fill_null(0)).item())
    return Targets(task, grouped["user_id"], ragged(grouped["item_key"], np.int64, longest))
