"""What could have been known: the lists of data whose truth is known because it was made up.

`ground_truth.parquet` of the data set gives, for some instant, how probably each user takes an item within
the horizon. Whoever recommends by that can't be beaten but by luck.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.evaluation.answers import COUNT, Slates
from training.evaluation.held_out import Targets, histories
from training.ragged import ragged

NAME = "oracle"
FILE = "ground_truth.parquet"


def oracle_slates(
    state: Path, purchases: pl.DataFrame, cutoff: datetime, targets: Mapping[str, Targets]
) -> dict[str, Slates]:
    """Task to the oracle's slates; empty if nothing is known of the truth at the cut-off."""
    truth = _truth(state, cutoff)
    if truth is None or truth.is_empty():
        return {}
    owned = histories(purchases, cutoff).select("user_id", "item_key").unique()
    new = truth.join(owned, on=["user_id", "item_key"], how="anti")
    return {
        task: {NAME: _slates(new if task == "new" else truth, one.user_ids)}
        for task, one in targets.items()
    }


def _truth(state: Path, cutoff: datetime) -> pl.DataFrame | None:
    """`user_id`, `item_key` and `probability` of catalogue items."""
    path = state / "dataset" / FILE
    if not path.is_file():
        return None
    catalogue = pl.scan_parquet(state / "prepared" / "catalogue.parquet")
    id_type = pl.read_parquet_schema(path)["item_id"]
    keys = catalogue.select(pl.col("item_id").cast(id_type), "item_key")
    return (
        pl.scan_parquet(path)
        .filter(pl.col("at") == cutoff)
        .join(keys, on="item_id")
        .select("user_id", "item_key", "probability")
        .collect()
    )


def _slates(truth: pl.DataFrame, user_ids: pl.Series) -> NDArray[np.int64]:
    """(U, COUNT) the most probable item keys, equals by key, -1 where there are fewer."""
    best = (
        truth.sort("user_id", "probability", "item_key", descending=[False, True, False])
        .group_by("user_id", maintain_order=True)
        .agg(pl.col("item_key").head(COUNT))
    )
    joined = pl.DataFrame({"user_id": user_ids}).join(
        best, on="user_id", how="left", maintain_order="left"
    )
    lists = ragged(joined["item_key"], np.int64, COUNT)
    return lists.pad(np.arange(len(user_ids)), COUNT).astype(np.int64, copy=False)
