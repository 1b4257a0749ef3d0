"""What entrants are asked and judged by: periods of a data set, with what was known before each.

What lies past the data set's own horizon belongs to `make final`; nobody else is shown a row of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.data import open_prepared
from training.errors import PreparedError
from training.evaluation.held_out import (
    SAME_PAGE,
    TASKS,
    Targets,
    held_out,
    histories,
    read_purchases,
    rows_of,
)
from training.evaluation.page_qualities import Catalogue, catalogue
from training.final import require_permit
from training.leaderboard.slices import Slices, slices
from training.prepare.contract import DataSet, open_data_set
from training.ragged import Ragged

Kind = Literal["by_cutoff", "leave_one_out", "responses"]
PERIODS = 3  # development cut-offs: the latest
PAGES = {task: SAME_PAGE.get(task, task) for task in TASKS}


@dataclass(frozen=True, slots=True)
class Period:
    """One cut-off: what was known, who is asked, and what they then took."""

    name: str
    cutoff: datetime
    history: pl.DataFrame  # user_id, item_key, group, time: all purchases before the cut-off
    user_ids: pl.Series  # (U,) ascending: those with a history whom any task asks for
    strangers: int  # those without a history, who are left out
    targets: Mapping[str, Targets]
    catalogue: Catalogue
    slices: Slices


@dataclass(frozen=True)
class Contest:
    """The periods of a data set under one protocol."""

    dataset: str
    kind: Kind
    state: Path
    pages: Mapping[str, str]  # task: the page that answers it
    classified: str  # the task whose targets are what pairs are classified by
    periods: tuple[Period, ...]
    inputs: tuple[Path, ...]  # files that decide what is asked

    @cached_property
    def user_ids(self) -> pl.Series:
        """Everybody who is asked in any period, ascending."""
        return pl.concat([p.user_ids for p in self.periods]).unique().sort()

    def rows(self, period: Period) -> NDArray[np.int64]:
        """(U,) positions of the period's users in `user_ids`."""
        return rows_of(period.user_ids, self.user_ids)


def by_cutoff(state: Path, cutoffs: Sequence[datetime] = ()) -> Contest:
    """Purchases after the given cut-offs; without any, after the latest prepared up to the data set's now.

    Raises:
        ScoreRefused: a horizon ends after the data set's own, which is kept for `make final`.
        PreparedError: a cut-off wasn't prepared, or nothing was bought after it.
        TrainingError, DataSetError: the state folder is incomplete.
    """
    prepared = open_prepared(state / "prepared")
    data = open_data_set(state / "dataset")
    own = [t for t in prepared.cutoffs if t <= data.default_now][-PERIODS:]
    wanted = sorted(cutoffs) or own
    for cutoff in wanted:
        require_permit(state, cutoff, data.default_now)
        if cutoff not in prepared.cutoffs:
            raise PreparedError(
                f"{cutoff.isoformat()} is no prepared cut-off of {state}; the latest are "
                f"{', '.join(t.isoformat() for t in prepared.cutoffs[-PERIODS:])}"
            )
    if not wanted:
        raise PreparedError(f"{state} has no cut-off up to {data.default_now.isoformat()}")
    # What comes later is dropped here, before anything else is done with it.
    end = wanted[-1] + prepared.horizon
    purchases = read_purchases(state).filter(pl.col("time") < end)
    categories = _categories(state, data)
    periods = tuple(
        _period(purchases, t, prepared.horizon, prepared.item_keys, categories, data)
        for t in wanted
    )
    inputs = (state / "prepared" / "features.yaml", state / "dataset" / "dataset.yaml")
    return Contest(data.name, "by_cutoff", state, PAGES, "any", periods, inputs)


def of_known(targets: Targets, user_ids: pl.Series) -> Targets:
    """The targets of these users alone."""
    kept = targets.user_ids.is_in(user_ids.implode()).to_numpy()
    lengths = targets.items.lengths
    offsets = np.concatenate([[0], np.cumsum(lengths[kept])]).astype(np.int64)
    values = targets.items.values[np.repeat(kept, lengths)]
    return Targets(
        targets.task, targets.user_ids.filter(pl.Series(kept)), Ragged(values, offsets, -1)
    )


def coded(frame: pl.DataFrame, columns: Sequence[str]) -> NDArray[np.int64]:
    """(n, L) a code for each distinct text of a column, -1 of null."""
    codes = frame.select(
        (pl.col(c).rank("dense").cast(pl.Int64) - 1).fill_null(-1) for c in columns
    )
    return codes.to_numpy().reshape(frame.height, len(columns))


def _categories(state: Path, data: DataSet) -> NDArray[np.int64]:
    path = state / "prepared" / "catalogue.parquet"
    return coded(pl.read_parquet(path).sort("item_key"), data.categories)


def _period(
    purchases: pl.DataFrame,
    cutoff: datetime,
    horizon: timedelta,
    item_keys: NDArray[np.int64],
    categories: NDArray[np.int64],
    data: DataSet,
) -> Period:
    history = histories(purchases, cutoff)
    whole = held_out(purchases, cutoff, horizon)
    asked = whole["any"].user_ids
    known = asked.filter(asked.is_in(history["user_id"].unique().implode()))
    return Period(
        f"{cutoff:%Y-%m-%d}",
        cutoff,
        history,
        known,
        len(asked) - len(known),
        {task: of_known(one, known) for task, one in whole.items()},
        catalogue(item_keys, categories, history),
        slices(history, cutoff, known, item_keys, data),
    )
