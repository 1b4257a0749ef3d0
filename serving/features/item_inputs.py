"""Fills a model's item tensors from the snapshot; one gather of whole rows a type."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from serving.features.inputs import NULLS, Indices, column_of, null_tensor
from serving.features.read_plan import InputPlan, ModelPlan, ReadPlan, ViewPlan
from serving.features.rows import stale_action
from serving.types import Action, Degraded, FeatureState, ItemSnapshot, Keys, Reason

STAGE = "gather"
PRESENT: FeatureState = "present"


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
        self._blocks: dict[str, NDArray[np.generic]] = {
            "int64": np.asarray(snapshot.int64),
            "float32": np.asarray(snapshot.float32),
        }
        self._pad_to = model.pad_to
        self._plain = [i for i in model.inputs if i.kind in {"item_id", "mask"}]
        wanted = [i for i in model.inputs if i.kind == "item"]
        used = {c.partition(".")[0] for i in wanted for c in i.columns}
        views = plan.views_of("item")
        self._views = tuple(v for v in views if v.name in used)
        self._places = [place for place, view in enumerate(views) if view.name in used]
        self._event_time_us = np.asarray(snapshot.event_time_us)
        self._max_age_us = np.array([v.max_age_s * 1_000_000 for v in self._views], dtype=np.int64)
        self._oldest_us, self._fresh_until_us = self._ages()
        self._items = [_item(i, plan, snapshot, self._views) for i in wanted]

    def __call__(self, rows: Indices, keys: Keys, now_us: int) -> ItemTensors:
        """`rows` (n,) of the snapshot and their `keys` (n,), one or more."""
        width = padded(len(rows), self._pad_to)
        tensors = {i.name: _plain(i, keys, width) for i in self._plain}
        tensors |= {item.plan.name: self._gathered(item, rows, width) for item in self._items}
        return self._judged(tensors, rows, now_us)

    def _ages(self) -> tuple[NDArray[np.int64], int]:
        """(N,) time of each item's oldest row; and until when no row of any is too old or missing."""
        times = self._event_time_us[:, self._places]
        if not times.size:
            return np.zeros(len(times), dtype=np.int64), 0
        until = int((times.min(axis=0) + self._max_age_us).min())
        return times.min(axis=1), until if (times > 0).all() else 0

    def _gathered(self, item: _Item, rows: Indices, width: int) -> NDArray[np.generic]:
        block, count = self._blocks[item.plan.dtype], len(rows)
        tensor = np.empty((1, width, len(item.columns)), dtype=block.dtype)
        if item.whole:
            np.take(block, rows, axis=0, out=tensor[0, :count], mode="clip")
        else:
            whole = block.take(rows, axis=0)
            np.take(whole, item.columns, axis=1, out=tensor[0, :count], mode="clip")
        tensor[0, count:] = NULLS[item.plan.dtype]
        return tensor

    def _judged(
        self, tensors: dict[str, NDArray[np.generic]], rows: Indices, now_us: int
    ) -> ItemTensors:
        """Holds every row's age against its view's maximum; nulls what must not be used."""
        if now_us <= self._fresh_until_us:  # whichever items these are
            states = tuple((view.name, PRESENT, len(rows)) for view in self._views)
            return ItemTensors(tensors, states, int(self._oldest_us.take(rows).min()), ())
        times = self._event_time_us.take(rows, axis=0)[:, self._places]  # (n, views)
        found = times > 0
        stale = found & (now_us - times > self._max_age_us)
        degradations = []
        for at in np.flatnonzero(stale.any(axis=0)).tolist():
            action = stale_action(self._views[at])
            degradations.append(_stale(self._views[at], int(stale[:, at].sum()), action))
            if action is Action.DEFAULT_FEATURES:
                found[stale[:, at], at] = False
                self._null(tensors, np.flatnonzero(stale[:, at]), at)
        oldest = int(times[found].min()) if found.any() else None
        return ItemTensors(tensors, self._states(times, stale), oldest, tuple(degradations))

    def _null(self, tensors: dict[str, NDArray[np.generic]], at: Indices, view: int) -> None:
        for item in self._items:
            tensor = tensors[item.plan.name]
            tensor[0, at[:, None], item.of_view[view]] = NULLS[item.plan.dtype]

    def _states(
        self, times: NDArray[np.int64], stale: NDArray[np.bool_]
    ) -> tuple[tuple[str, FeatureState, int], ...]:
        counts: list[tuple[FeatureState, NDArray[np.bool_]]] = [
            ("present", (times > 0) & ~stale),
            ("missing", times <= 0),
            ("stale", stale),
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


def _stale(view: ViewPlan, count: int, action: Action) -> Degraded:
    return Degraded(STAGE, Reason.STALE, action, f"{view.name} of {count} items")
