"""Everybody's last item, to be found among all that they had not taken: the protocol of MovieLens papers.

It knows no cut-off: what others did later is in the history, as in the published figures that it is
compared with (Ji et al., 2023, on that leak). Figures of it say nothing of a shop; those by cut-off do.
"""

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from training.datasets import complete_journey
from training.datasets.errors import DataSetError
from training.errors import ScoreRefused
from training.evaluation.held_out import Targets
from training.evaluation.page_qualities import catalogue
from training.leaderboard.contests import Contest, Period, coded
from training.leaderboard.slices import slices
from training.prepare.clean import clean_events
from training.prepare.contract import DataSet, open_data_set
from training.prepare.keys import item_keys
from training.ragged import Ragged

TASK = "next"
TIES = 7  # seed of the order of what was taken at one time


def leave_one_out(state: Path, back: int = 0) -> Contest:
    """One period whose targets are each user's latest item; users with one event are not asked.

    With `back`, nobody sees the latest so many of each; the one before is asked, to choose parameters by.

    Raises:
        ScoreRefused: the data set's last weeks are kept for `make final`.
        DataSetError: the data set is incomplete, or nobody has two events.
    """
    data = open_data_set(state / "dataset")
    if data.name == complete_journey.NAME:
        raise ScoreRefused(
            f"{data.name} keeps its last weeks for `make final`, and everybody's last purchase lies there"
        )
    items = item_keys(data.items.unique("item_id").collect(), data.id_kind).sort("item_key")
    events = (
        clean_events(data.events, data.target_kinds)
        .join(items.lazy().select("item_id", "item_key"), on="item_id")
        .select("user_id", "item_key", "group", "time")
        # Half of MovieLens' ratings share their second with another. In the order of keys the last of those
        # would be the one with the highest key, and a model would learn the keys: they are shuffled.
        .sort("time", "user_id", pl.struct("user_id", "item_key").hash(TIES), "group")
        .collect()
        .unique(["user_id", "item_key"], keep="first", maintain_order=True)
        .filter(pl.int_range(pl.len()).over("user_id") < pl.len().over("user_id") - back)
    )
    last = pl.int_range(pl.len()).over("user_id") == pl.len().over("user_id") - 1
    several = pl.len().over("user_id") > 1
    targets = events.filter(last & several)
    if targets.is_empty():
        raise DataSetError(f"nobody in {state} took two items, so that one could be left out")
    history = events.filter(~(last & several))
    inputs = (state / "dataset" / "dataset.yaml",)
    name = f"leave_one_out_{back}_back" if back else "leave_one_out"
    period = _period(name, data, items, history, targets)
    return Contest(data.name, "leave_one_out", state, {TASK: "new"}, TASK, (period,), inputs)


def _period(
    name: str, data: DataSet, items: pl.DataFrame, history: pl.DataFrame, targets: pl.DataFrame
) -> Period:
    end = pl.concat([history, targets]).select(pl.col("time").max()).item() + timedelta(seconds=1)
    wanted = targets.sort("user_id")
    keys = items["item_key"].to_numpy()
    each = np.arange(wanted.height + 1, dtype=np.int64)  # one target for everybody
    lists = Ragged(wanted["item_key"].to_numpy(), each, -1)
    return Period(
        name,
        end,
        history,
        wanted["user_id"],
        0,
        {TASK: Targets(TASK, wanted["user_id"], lists)},
        catalogue(keys, coded(items, data.categories), history),
        slices(history, end, wanted["user_id"], keys, data),
    )
