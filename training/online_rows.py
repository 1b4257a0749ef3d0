"""What the online store should hold of a prepared data set, and whether it does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from serving.features.fields import view_layout
from serving.features.item_changes import ITEM
from serving.features.item_texts import FINGERPRINT
from serving.features.item_texts import VIEW as TEXTS
from serving.features.keys import string_keys
from serving.features.layout import Layout
from serving.features.store import ABSENT, RowStore
from training.errors import StoreError


@dataclass(frozen=True, slots=True)
class ExpectedView:
    """A view and the entities that have a row of it at or before now."""

    name: str
    join_key: str
    layout: Layout | None  # None: the texts of items
    keys: NDArray[np.int64]  # (n,) each once
    since: datetime  # the oldest row's event time

    @property
    def fingerprint(self) -> int:
        return FINGERPRINT if self.layout is None else self.layout.fingerprint


def expected_views(
    prepared: Path, features: Mapping[str, Any], now: datetime
) -> list[ExpectedView]:
    """Reads the ids and times of every view, nothing else."""
    found = []
    for name, view in features["views"].items():
        join_key = f"{view['entity']}_id"
        known = (
            pl.scan_parquet(prepared / "views" / f"{name}.parquet")
            .filter(pl.col("event_timestamp") <= now)
            .group_by(join_key)
            .agg(pl.col("event_timestamp").min())
            .collect()
        )
        ids, since = known[join_key], known["event_timestamp"].min()
        keys = string_keys(ids) if ids.dtype == pl.String else ids.cast(pl.Int64).to_numpy()
        layout = view_layout(name, view["fields"])
        oldest = since if isinstance(since, datetime) else now
        found.append(ExpectedView(name, join_key, layout, keys, oldest))
    return found


def expected_texts(keys: Iterable[int], now: datetime) -> ExpectedView:
    return ExpectedView(TEXTS, ITEM, None, np.fromiter(keys, dtype=np.int64), now)


def remove_unknown(store: RowStore, views: Sequence[ExpectedView], now: datetime) -> int:
    """Removes rows that this data at this now can't account for; returns how many.

    Those are rows of another layout, and of entities that the data lacks. Rows newer than now go too if the
    store was materialised at a later now; otherwise they were pushed, or changed by events, meanwhile, and
    be it since they were looked at.
    """
    removed, last = 0, store.materialized_us()
    went_on = last is not None and last <= _microseconds(now)
    for join_key in {view.join_key for view in views}:
        of_entity = [view for view in views if view.join_key == join_key]
        listed, newer = store.entities(join_key), []
        for view in of_entity:
            heads = store.heads(view.name, join_key, listed)
            known = np.isin(listed, view.keys) & _good(heads, view, now)
            if went_on:
                known |= _newer(heads, view, now)
                newer.append(listed[_newer(heads, view, now)])
            unknown = ~known & (heads["event_time_us"] != ABSENT)
            gone = store.delete_unchanged(view.name, join_key, listed[unknown], heads[unknown])
            newer.append(listed[unknown][~gone])
            removed += int(gone.sum())
        every = np.concatenate([*(view.keys for view in of_entity), *newer])
        store.forget(join_key, np.setdiff1d(listed, every))
    return removed


def check_rows(store: RowStore, views: Sequence[ExpectedView], now: datetime) -> None:
    """Counts the rows of each view: those at or before now, and the prepared entities' newer ones.

    Raises:
        StoreError: these are more or fewer than entities with a row in the prepared data.
    """
    wrong = []
    for view in views:
        listed = store.entities(view.join_key)
        heads = store.heads(view.name, view.join_key, listed)
        newer = _newer(heads, view, now) & np.isin(listed, view.keys)
        found = int((_good(heads, view, now) | newer).sum())
        if found != len(view.keys):
            wrong.append(f"{view.name}: expected {len(view.keys):,}, found {found:,}")
    if wrong:
        raise StoreError(
            f"rows in the online store differ from the prepared data ({'; '.join(wrong)}); is "
            "another process writing to this Redis, or is it full?"
        )


def _good(heads: NDArray[np.void], view: ExpectedView, now: datetime) -> NDArray[np.bool_]:
    times = heads["event_time_us"]
    good: NDArray[np.bool_] = (
        (heads["fingerprint"] == view.fingerprint)
        & (times != ABSENT)
        & (times <= _microseconds(now))
    )
    return good


def _newer(heads: NDArray[np.void], view: ExpectedView, now: datetime) -> NDArray[np.bool_]:
    newer: NDArray[np.bool_] = (heads["fingerprint"] == view.fingerprint) & (
        heads["event_time_us"] > _microseconds(now)
    )
    return newer


def _microseconds(time: datetime) -> int:
    return round(time.timestamp() * 1_000_000)
