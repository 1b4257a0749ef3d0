"""Items' stored rows as the columns of an item snapshot: the one way, for building, following and reading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from serving.features.keys import NULL_KEY
from serving.features.read_plan import ReadPlan, ViewPlan
from serving.features.redis_keys import row_key
from serving.items import ABSENT, ItemValues, Patch
from serving.types import Keys

Packed = Sequence[bytes | None]
Dtype = Literal["int64", "float32"]
DTYPES: tuple[Dtype, ...] = ("int64", "float32")


def null_values(count: int, int64: int, float32: int, views: int) -> ItemValues:
    """Of `count` items that have no rows; the others are numbers of columns."""
    return ItemValues(
        np.full((count, int64), NULL_KEY, dtype=np.int64),
        np.full((count, float32), np.nan, dtype=np.float32),
        np.full((count, views), ABSENT, dtype=np.int64),
    )


@dataclass(frozen=True, slots=True)
class StoredItems:
    """Items as the store has them; a row of a layout that isn't the plan's counts as none."""

    keys: Keys  # (n,)
    values: ItemValues
    foreign: NDArray[np.bool_]  # (n, V) where there is a row of another layout

    def part(self, at: NDArray[np.integer[Any]]) -> "StoredItems":
        return StoredItems(self.keys[at], self.values.take(at), self.foreign[at])


@dataclass(frozen=True, slots=True)
class ReadItems:
    """Items that the snapshot lacks and the store has: read for one request."""

    keys: Keys  # (n,) ascending
    values: ItemValues

    def among(self, keys: Keys) -> Patch | None:
        """Where these items are among the keys, and their values."""
        at = np.flatnonzero(np.isin(keys, self.keys))
        if not len(at):
            return None
        return Patch(at, self.values.take(np.searchsorted(self.keys, keys[at])))


class ItemColumns:
    """Which columns of which views make up an item."""

    def __init__(self, plan: ReadPlan) -> None:
        self.project = plan.project
        self.views = plan.views_of("item")
        self._names = {dtype: plan.item_columns(dtype) for dtype in DTYPES}

    def row_keys(self, keys: Keys) -> list[bytes]:
        """Of all rows of the items, view by view; in Redis."""
        return [
            row_key(self.project, view.join_key, key, view.name)
            for view in self.views
            for key in keys.tolist()
        ]

    def stored(self, keys: Keys, packed: Packed) -> StoredItems:
        """Items from what lies under their `row_keys`."""
        count = len(keys)
        parts = [packed[at * count : (at + 1) * count] for at in range(len(self.views))]
        read = [view_rows(view, part) for view, part in zip(self.views, parts, strict=True)]
        rows = {view.name: found for view, (found, _) in zip(self.views, read, strict=True)}
        foreign = np.stack([wrong for _, wrong in read], axis=1)
        return StoredItems(keys, self.values(rows), foreign)

    def values(self, rows: Mapping[str, NDArray[np.void]]) -> ItemValues:
        """From the (n,) rows of every view."""
        times = np.stack([rows[view.name]["event_time_us"] for view in self.views], axis=1)
        return ItemValues(self._block(rows, "int64"), self._block(rows, "float32"), times)

    def places(self, view: str, dtype: Dtype) -> list[int]:
        """Where the columns of a view lie in the block of that type."""
        return [at for at, name in enumerate(self._names[dtype]) if name.partition(".")[0] == view]

    def _block(self, rows: Mapping[str, NDArray[np.void]], dtype: Dtype) -> NDArray[Any]:
        names = self._names[dtype]
        block = np.empty((len(rows[self.views[0].name]), len(names)), dtype=dtype)
        for at, name in enumerate(names):
            view, column = name.split(".")
            block[:, at] = rows[view][column]
        return block


def view_rows(view: ViewPlan, packed: Packed) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
    """(n,) rows of the view, null with event time ABSENT where there is none of the plan's layout.

    And (n,) where there is one of another.
    """
    dtype, layout = view.layout.dtype, view.layout
    rows = layout.empty(len(packed))
    rows["event_time_us"] = ABSENT
    fits = np.array([row is not None and len(row) == dtype.itemsize for row in packed], dtype=bool)
    foreign = np.array([row is not None for row in packed], dtype=bool) & ~fits
    whole = [row for row in packed if row is not None and len(row) == dtype.itemsize]
    found = np.frombuffer(b"".join(whole), dtype=dtype)
    ours = found["fingerprint"] == layout.fingerprint
    places = np.flatnonzero(fits)
    rows[places[ours]] = found[ours]
    foreign[places[~ours]] = True
    return rows, foreign
