"""Looks for what was not known at a cut-off in the prepared features, twice over.

First, every view is computed again from events that were cut off at the cut-off, and has to be what the
prepared folder holds. Second, no number of a user or an item, nor value of a list about an owned item, may
tell by itself what is bought better than LIMIT at any of the cut-offs that have targets: that finds what
leaks into both computations, such as a label in a table of users or items (`telling_features` says which
columns).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from serving.ingest.logged_events import read_event_log
from training.data import Prepared, open_prepared
from training.errors import LeakFound
from training.evaluation.telling_features import Telling, telling_features
from training.prepare import clean
from training.prepare.contract import DataSet, open_data_set
from training.prepare.engagement import other_events
from training.prepare.known_events import catalogue_items, keyed_events
from training.prepare.recorded import recorded_events, with_recorded
from training.prepare.views import View, as_contract, views

# All features together reach .83 on Complete Journey and a person's own decayed count alone .795: one that
# passes .90 knows what it can't.
LIMIT = 0.90
CLOSE = 1e-4  # of a float32 to another, relative above 1: sums are added in another order
STAMPS = ("event_timestamp", "created_timestamp")


@dataclass(frozen=True, slots=True)
class Difference:
    """A column that holds something else than what was known."""

    view: str
    column: str
    cutoff: datetime
    rows: int

    def __str__(self) -> str:
        return f"{self.view}.{self.column} ({self.rows} rows at {self.cutoff:%Y-%m-%d})"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, for the record."""

    views: int
    cutoffs: tuple[datetime, ...]
    rows: int
    telling: tuple[Telling, ...]  # by AUC, the most telling first


def check_leaks(state: Path, cutoffs: Sequence[datetime], limit: float = LIMIT) -> Checked:
    """Checks the prepared folder at some of its cut-offs.

    Raises:
        LeakFound: a column differs, or a feature alone is too good; all of them are named.
        TrainingError, DataSetError: the state folder is incomplete.
    """
    prepared = open_prepared(state / "prepared")
    data = _with_recorded(open_data_set(state / "dataset"), state, prepared.now)
    cleaned = clean.clean_events(data.events, data.target_kinds)
    known_items = catalogue_items(data, cleaned, prepared.now)
    found: list[Difference] = []
    rows, count = 0, 0
    for cutoff in cutoffs:
        again = as_known(data, known_items, cutoff)
        count = len(again)
        for view in again:
            held = _held(prepared, view.name, cutoff)
            rows += held.height
            fresh = as_contract(view.at(cutoff), cutoff, cutoff).collect().drop(STAMPS)
            found += differences(view, cutoff, held, fresh)
    telling = telling_features(prepared, cutoffs)
    wrong = [str(one) for one in found] + [
        f"{one.path} alone has an AUC of {one.auc:.3f}, above {limit}"
        for one in telling
        if one.auc > limit
    ]
    if wrong:
        raise LeakFound(
            f"{state / 'prepared'} holds what was not known at the cut-off: {'; '.join(wrong)}"
        )
    return Checked(count, tuple(cutoffs), rows, telling)


def as_known(data: DataSet, known_items: pl.DataFrame, cutoff: datetime) -> list[View]:
    """The views over events before the cut-off alone."""
    early = replace(data, events=data.events.filter(pl.col("time") < cutoff))
    cleaned = clean.clean_events(early.events, data.target_kinds)
    events = keyed_events(early, cleaned, known_items).lazy()
    others = other_events(early, known_items, cutoff).collect(engine="streaming").lazy()
    return views(early, events, known_items, others)


def differences(
    view: View, cutoff: datetime, held: pl.DataFrame, fresh: pl.DataFrame
) -> Iterator[Difference]:
    """Columns of the prepared rows that are not those computed again."""
    entity = f"{view.entity}_id"
    one_sided = held.height + fresh.height - 2 * held.join(fresh, on=entity, how="semi").height
    if one_sided:
        yield Difference(view.name, entity, cutoff, one_sided)
    both = held.join(fresh, on=entity, suffix=" again")
    for column in held.columns:
        if column == entity:
            continue
        known = f"{column} again"
        # A kind of event that came later has a column without anything in it.
        expected = both[known] if known in both.columns else _nothing(both[column])
        rows = _unlike(both[column], expected)
        if rows:
            yield Difference(view.name, column, cutoff, rows)


def _nothing(column: pl.Series) -> pl.Series:
    return pl.select(pl.when(column.is_not_null()).then(0.0)).to_series()


def _unlike(held: pl.Series, fresh: pl.Series) -> int:
    """How many rows differ; null is like null and NaN like NaN."""
    if not isinstance(held.dtype, pl.List):
        return int(_apart(held, fresh).sum())
    lengths = held.list.len().ne_missing(fresh.list.len())
    alike = pl.DataFrame({"held": held, "fresh": fresh}).with_row_index("row").filter(~lengths)
    flat = alike.filter(pl.col("held").list.len() > 0).explode("held", "fresh")
    apart = flat.filter(_apart(flat["held"], flat["fresh"]))
    return int(lengths.sum()) + apart["row"].n_unique()


def _apart(held: pl.Series, fresh: pl.Series) -> pl.Series:
    differ = held.ne_missing(fresh.cast(held.dtype))
    if not held.dtype.is_float():
        return differ
    scale = pl.select(pl.max_horizontal(pl.lit(1.0), fresh.abs())).to_series()
    near = ((held - fresh).abs() <= CLOSE * scale).fill_null(value=False)
    return differ & ~near


def _held(prepared: Prepared, name: str, cutoff: datetime) -> pl.DataFrame:
    path = prepared.folder / "views" / f"{name}.parquet"
    frame = pl.scan_parquet(path).filter(pl.col("event_timestamp") == cutoff)
    return frame.drop(STAMPS).collect()


def _with_recorded(data: DataSet, state: Path, now: datetime) -> DataSet:
    return with_recorded(data, recorded_events(data, read_event_log(state / "events"), now))
