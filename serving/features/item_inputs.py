"""Fills a model's item tensors from the snapshot; one gather of whole rows a type."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from serving.features.inputs import NULLS, Indices, column_of, null_tensor
from serving.features.item_values import ReadItems
from serving.features.keys import NULL_KEY
from serving.features.read_plan import InputPlan, ModelPlan, ReadPlan, ViewPlan
from serving.features.rows import stale_action
from serving.items import ItemSnapshot, ItemValues, Patch
from serving.types import Action, Degraded, FeatureState, Keys, Reason

STAGE = "gather"
PRESENT: FeatureState = "present"
NULL: FeatureState = "null"
PART = 4_096  # items looked through at a time


@dataclass(frozen=True, slots=True)
class ItemTensors:
    """Tensors with B = 1, C padded, and what the rows behind them were."""

    tensors: dict[str, NDArray[np.generic]]
    states: tuple[tuple[str, FeatureState, int], ...]  # view, state, number of items
    oldest_us: int | None
    degradations: tuple[Degraded, ...]


@dataclass(frozen=True, slots=True)
class _Item:
    """An `item` input: which columns of the snapshot's block it takes, and which of them are whose."""

    plan: InputPlan
    columns: Indices
    of_view: tuple[Indices, ...]  # for each used view, positions among `columns`
    whole: bool  # whether these are all columns of the block, in its order


class ItemFiller:
    """The candidates' tensors of one model: ids, features and mask."""

    def __init__(self, model: ModelPlan, plan: ReadPlan, snapshot: ItemSnapshot) -> None:
        # Without numpy's memmap class, which costs more than the gather itself; still no copies.
        self._base = ItemValues(*map(np.asarray, _blocks(snapshot)))
        self._snapshot, self._pad_to = snapshot, model.pad_to
        self._plain = [i for i in model.inputs if i.kind in {"item_id", "mask"}]
        wanted = [i for i in model.inputs if i.kind == "item"]
        used = {c.partition(".")[0] for i in wanted for c in i.columns}
        views = plan.views_of("item")
        self._views = tuple(v for v in views if v.name in used)
        self._places = [place for place, view in enumerate(views) if view.name in used]
        self._max_age_us = np.array([v.max_age_s * 1_000_000 for v in self._views], dtype=np.int64)
        self._items = [_item(i, plan, snapshot, self._views) for i in wanted]
        self._nothing = self._null_rows(self._base)
        self._empty_rows = bool(self._nothing.any())
        self._oldest_us, self._fresh_until_us = self._ages()

    def __call__(
        self, rows: Indices, keys: Keys, now_us: int, read: ReadItems | None = None
    ) -> ItemTensors:
        """`rows` (n,) of the snapshot, -1 of an item that is `read`, and their `keys` (n,), one or more."""
        width = padded(len(rows), self._pad_to)
        patches = [self._snapshot.changed(rows), read.among(keys) if read else None]
        found = [patch for patch in patches if patch]
        tensors = {i.name: _plain(i, keys, width) for i in self._plain}
        tensors |= {
            item.plan.name: self._gathered(item, rows, width, found) for item in self._items
        }
        return self._judged(tensors, rows, found, now_us)

    def _ages(self) -> tuple[NDArray[np.int64], int]:
        """(N,) time of each item's oldest row; and until when no row of any is too old or missing."""
        times = self._base.event_time_us[:, self._places]
        if not times.size:
            return np.zeros(len(times), dtype=np.int64), 0
        until = int((times.min(axis=0) + self._max_age_us).min())
        return times.min(axis=1), until if (times > 0).all() else 0

    def _gathered(
        self, item: _Item, rows: Indices, width: int, patches: Sequence[Patch]
    ) -> NDArray[np.generic]:
        block, count = self._base.block(item.plan.dtype), len(rows)
        tensor = np.empty((1, width, len(item.columns)), dtype=block.dtype)
        if item.whole:
            np.take(block, rows, axis=0, out=tensor[0, :count], mode="clip")
        else:
            whole = block.take(rows, axis=0, mode="clip")
            np.take(whole, item.columns, axis=1, out=tensor[0, :count], mode="clip")
        tensor[0, count:] = NULLS[item.plan.dtype]
        for patch in patches:
            tensor[0, patch.at] = patch.values.block(item.plan.dtype)[:, item.columns]
        return tensor

    def _judged(
        self,
        tensors: dict[str, NDArray[np.generic]],
        rows: Indices,
        patches: Sequence[Patch],
        now_us: int,
    ) -> ItemTensors:
        """Holds every row's age against its view's maximum; nulls what must not be used."""
        if not patches and now_us <= self._fresh_until_us:  # whichever items these are
            oldest_us = int(self._oldest_us.take(rows).min())
            return ItemTensors(tensors, self._all_there(rows), oldest_us, ())
        times = self._base.event_time_us.take(rows, axis=0, mode="clip")  # (n, views)
        nothing = self._nothing.take(rows, axis=0, mode="clip")
        for patch in patches:
            times[patch.at] = patch.values.event_time_us
            nothing[patch.at] = self._null_rows(patch.values)
        times = times[:, self._places]
        found = times > 0
        old = found & (now_us - times > self._max_age_us)
        states = self._states(found, old, nothing)
        degradations = []
        for at in np.flatnonzero(old.any(axis=0)).tolist():
            action = stale_action(self._views[at])
            degradations.append(stale(STAGE, self._views[at], int(old[:, at].sum()), action))
            if action is Action.DEFAULT_FEATURES:
                found[old[:, at], at] = False
                self._null(tensors, np.flatnonzero(old[:, at]), at)
        oldest = int(times[found].min()) if found.any() else None
        return ItemTensors(tensors, states, oldest, tuple(degradations))

    def _all_there(self, rows: Indices) -> tuple[tuple[str, FeatureState, int], ...]:
        """States of base rows none of which is missing or too old."""
        if not self._empty_rows:
            return tuple((view.name, PRESENT, len(rows)) for view in self._views)
        empty = self._nothing.take(rows, axis=0).sum(axis=0).tolist()
        counts = [(v.name, PRESENT, len(rows) - n) for v, n in zip(self._views, empty, strict=True)]
        counts += [(v.name, NULL, n) for v, n in zip(self._views, empty, strict=True)]
        return tuple(one for one in counts if one[2])

    def _null_rows(self, values: ItemValues) -> NDArray[np.bool_]:
        """(n, used views) where a row, if there is one, holds no value that the model takes."""
        null = np.ones((len(values.event_time_us), len(self._views)), dtype=np.bool_)
        for start in range(0, len(null), PART):
            part = slice(start, start + PART)
            for item in self._items:
                block = values.block(item.plan.dtype)[part]
                for at, columns in enumerate(item.of_view):
                    if len(columns):
                        null[part, at] &= is_null(block[:, item.columns[columns]]).all(axis=1)
        return null

    def _null(self, tensors: dict[str, NDArray[np.generic]], at: Indices, view: int) -> None:
        for item in self._items:
            tensor = tensors[item.plan.name]
            tensor[0, at[:, None], item.of_view[view]] = NULLS[item.plan.dtype]

    def _states(
        self, found: NDArray[np.bool_], old: NDArray[np.bool_], nothing: NDArray[np.bool_]
    ) -> tuple[tuple[str, FeatureState, int], ...]:
        fresh = found & ~old
        counts: list[tuple[FeatureState, NDArray[np.bool_]]] = [
            ("present", fresh & ~nothing),
            ("null", fresh & nothing),
            ("missing", ~found),
            ("stale", old),
        ]
        return tuple(
            (view.name, state, count)
            for state, where in counts
            for view, count in zip(self._views, where.sum(axis=0).tolist(), strict=True)
            if count
        )


def padded(count: int, pad_to: Sequence[int]) -> int:
    """The smallest allowed width that holds them all; `count` itself for a model without widths."""
    return next((width for width in pad_to if width >= count), count)


def is_null(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Of each, by their type."""
    null: NDArray[np.bool_] = np.isnan(values) if values.dtype.kind == "f" else values == NULL_KEY
    return null


def _blocks(snapshot: ItemSnapshot) -> tuple[NDArray[Any], ...]:
    return snapshot.int64, snapshot.float32, snapshot.event_time_us


def _plain(wanted: InputPlan, keys: Keys, width: int) -> NDArray[np.generic]:
    tensor = null_tensor((1, width), wanted.dtype)
    tensor[0, : len(keys)] = True if wanted.kind == "mask" else keys
    return tensor


def _item(
    wanted: InputPlan, plan: ReadPlan, snapshot: ItemSnapshot, views: Sequence[ViewPlan]
) -> _Item:
    owners = [column_of(plan, wanted, c, "item", listed=False)[0].name for c in wanted.columns]
    dtype: Literal["int64", "float32"] = "int64" if wanted.dtype == "int64" else "float32"
    columns = snapshot.columns(dtype, wanted.columns)
    block = snapshot.int64 if dtype == "int64" else snapshot.float32
    return _Item(
        wanted,
        columns,
        tuple(
            np.array([i for i, owner in enumerate(owners) if owner == view.name], dtype=np.int64)
            for view in views
        ),
        columns.tolist() == list(range(block.shape[1])),
    )


def stale(stage: str, view: ViewPlan, count: int, action: Action) -> Degraded:
    return Degraded(stage, Reason.STALE, action, f"{view.name} of {count} items")
