"""Which features of items a request may filter by, and the test of items against its conditions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from serving.features.item_inputs import stale
from serving.features.item_values import DTYPES
from serving.features.read_plan import ReadPlan
from serving.features.rows import stale_action
from serving.items import ItemSnapshot, ItemValues, Patch, Rows
from serving.types import Action, Condition, Degraded, Keys, Mask

STAGE = "filter"


@dataclass(frozen=True, slots=True)
class FilterField:
    """A feature that every item of the snapshot has, or has null."""

    name: str  # on the wire
    kind: Literal["text", "number"]
    column: str  # `<view>.<column>`


FilterFields = Mapping[str, FilterField]
NO_FIELDS: FilterFields = MappingProxyType({})


def filter_fields(plan: ReadPlan) -> FilterFields:
    """By name, in alphabetical order: texts and numbers among the snapshot's columns.

    The name is the column's own; `<view>.<column>` where several views have a column so named.
    """
    texts = _texts(plan)
    columns = [c for c in plan.item_columns("int64") if c in texts]
    kinds = dict.fromkeys(columns, "text") | dict.fromkeys(plan.item_columns("float32"), "number")
    short = Counter(column.partition(".")[2] for column in kinds)
    found = []
    for column, kind in kinds.items():
        own = column.partition(".")[2]
        name = own if short[own] == 1 else column
        found.append(FilterField(name, "text" if kind == "text" else "number", column))
    return MappingProxyType({f.name: f for f in sorted(found, key=lambda f: f.name)})


def _texts(plan: ReadPlan) -> set[str]:
    """Columns that hold the keys of texts; other integers are no texts."""
    return {
        f"{view.name}.{column.name}"
        for view in plan.views_of("item")
        for column in view.layout.columns
        if column.dtype == "string"
    }


Values = NDArray[Any]


class Conditions:
    """Tests a snapshot's items; the columns' places are worked out once."""

    def __init__(self, plan: ReadPlan, snapshot: ItemSnapshot) -> None:
        self._snapshot = snapshot
        # Without numpy's memmap class: its views cost more than the comparison itself.
        self._base = ItemValues(
            *map(np.asarray, (snapshot.int64, snapshot.float32, snapshot.event_time_us))
        )
        self._columns = {
            name: (dtype, int(snapshot.columns(dtype, [name])[0]))
            for dtype in DTYPES
            for name in plan.item_columns(dtype)
        }
        self.columns = frozenset(self._columns)
        self._views = {view.name: (at, view) for at, view in enumerate(plan.views_of("item"))}

    def __call__(self, conditions: Sequence[Condition], now_us: int) -> Mask | None:
        """(rows,) which items of the snapshot pass all of them; None without conditions: all do.

        A value that is too old counts as null, unless its view serves it marked.
        """
        if not conditions:
            return None
        passed, changes = self._all(conditions, self._base, now_us), self._snapshot.changes()
        if changes is None:
            return passed
        whole = np.zeros(max(len(passed), int(changes.at.max()) + 1), dtype=np.bool_)
        whole[: len(passed)] = passed
        there = changes.values.known
        whole[changes.at] = there & self._all(conditions, changes.values, now_us)
        return whole

    def judged(
        self, conditions: Sequence[Condition], keys: Keys, now_us: int
    ) -> tuple[tuple[Degraded, ...], int | None]:
        """What is to be said of items that passed, by the values that let them, and the oldest's time."""
        views = {condition.column.partition(".")[0] for condition in conditions}
        rows = self._snapshot.positions(keys)
        times = self._times(rows, self._snapshot.changed(rows))
        said, used = [], []
        for at, view in (self._views[name] for name in sorted(views)):
            mine = times[:, at][times[:, at] > 0]
            old = now_us - mine > view.max_age_s * 1_000_000
            if stale_action(view) is not Action.SERVED_MARKED:
                mine, old = mine[~old], old[:0]
            if old.any():
                said.append(stale(STAGE, view, int(old.sum()), Action.SERVED_MARKED))
            used += mine.tolist()
        return tuple(said), min(used, default=None)

    def numbers(self, column: str, keys: Keys, now_us: int) -> NDArray[np.float32]:
        """(n,) the items' values of a column of numbers; NaN of those without one, or one that is too old."""
        rows = self._snapshot.positions(keys)
        patch = self._snapshot.changed(rows)
        dtype, at = self._columns[column]
        values = self._base.block(dtype)[:, at].take(rows, mode="clip").astype(np.float32)
        if patch is not None:
            values[patch.at] = patch.values.block(dtype)[:, at]
        if (fresh := self._fresh(column, self._times(rows, patch), now_us)) is not None:
            values[~fresh] = np.nan
        return values

    def _times(self, rows: Rows, patch: Patch | None) -> NDArray[np.int64]:
        """(n, V) of the items' rows, by view."""
        times = self._base.event_time_us.take(rows, axis=0, mode="clip")
        if patch is not None:
            times[patch.at] = patch.values.event_time_us
        return times

    def _fresh(self, column: str, event_time_us: NDArray[np.int64], now_us: int) -> Mask | None:
        """(n,) whose values still count; None: all, as its view serves old ones marked."""
        at, view = self._views[column.partition(".")[0]]
        if stale_action(view) is Action.SERVED_MARKED:
            return None
        fresh: Mask = now_us - event_time_us[:, at] <= view.max_age_s * 1_000_000
        return fresh

    def _all(self, conditions: Sequence[Condition], of: ItemValues, now_us: int) -> Mask:
        passed: Mask = np.logical_and.reduce([self._one(c, of, now_us) for c in conditions])
        return passed

    def _one(self, condition: Condition, of: ItemValues, now_us: int) -> Mask:
        dtype, column = self._columns[condition.column]
        values = of.block(dtype)[:, column]
        hit = _listed(condition, values) if condition.any_of else _within(condition, values)
        if (fresh := self._fresh(condition.column, of.event_time_us, now_us)) is not None:
            hit &= fresh
        return ~hit if condition.exclude else hit


def passing(allowed: Mask, rows: NDArray[np.integer[Any]]) -> Mask:
    """(n,) whether each row passed; what became an item after the test did not."""
    passed: Mask = allowed.take(rows, mode="clip") & (rows >= 0) & (rows < len(allowed))
    return passed


def _listed(condition: Condition, values: Values) -> Mask:
    wanted = np.unique(np.array(condition.any_of, dtype=np.int64))
    # Sorting the few wanted, not the many values, as numpy.isin would.
    found = np.searchsorted(wanted, values).clip(max=len(wanted) - 1)
    hit: Mask = wanted[found] == values
    return hit


def _within(condition: Condition, values: Values) -> Mask:
    """An item without a number lies within no bounds."""
    hit: Mask = ~np.isnan(values)
    if condition.minimum is not None:
        hit &= values >= as_float32(condition.minimum)
    if condition.maximum is not None:
        hit &= values <= as_float32(condition.maximum)
    return hit


def as_float32(number: float) -> np.float32:
    """As the features are held; infinite where their type ends."""
    with np.errstate(over="ignore"):
        return np.float32(number)
