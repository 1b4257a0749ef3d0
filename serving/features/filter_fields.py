"""Which features of items a request may filter by, and the test of items against its conditions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from serving.features.read_plan import ReadPlan
from serving.types import Condition, ItemSnapshot, Mask


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


class Conditions:
    """Tests a snapshot's items; the columns' places are worked out once."""

    def __init__(self, plan: ReadPlan, snapshot: ItemSnapshot) -> None:
        # Without numpy's memmap class: its views cost more than the comparison itself.
        keys, numbers = np.asarray(snapshot.int64), np.asarray(snapshot.float32)
        self._keys = {
            name: keys[:, snapshot.columns("int64", [name])[0]]
            for name in plan.item_columns("int64")
        }
        self._numbers = {
            name: numbers[:, snapshot.columns("float32", [name])[0]]
            for name in plan.item_columns("float32")
        }

    def __call__(self, conditions: Sequence[Condition]) -> Mask | None:
        """(N,) which items of the snapshot pass all of them; None without conditions: all do."""
        if not conditions:
            return None
        passed: Mask = np.logical_and.reduce([self._one(c) for c in conditions])
        return passed

    def _one(self, condition: Condition) -> Mask:
        hit = self._listed(condition) if condition.any_of else self._within(condition)
        return ~hit if condition.exclude else hit

    def _listed(self, condition: Condition) -> Mask:
        wanted = np.unique(np.array(condition.any_of, dtype=np.int64))
        values = self._keys[condition.column]
        # Sorting the few wanted, not the many values, as numpy.isin would.
        found = np.searchsorted(wanted, values).clip(max=len(wanted) - 1)
        hit: Mask = wanted[found] == values
        return hit

    def _within(self, condition: Condition) -> Mask:
        """An item without a number lies within no bounds."""
        values = self._numbers[condition.column]
        hit: Mask = ~np.isnan(values)
        if condition.minimum is not None:
            hit &= values >= _float32(condition.minimum)
        if condition.maximum is not None:
            hit &= values <= _float32(condition.maximum)
        return hit


def _float32(bound: float) -> np.float32:
    """As the features are held; infinite where their type ends."""
    with np.errstate(over="ignore"):
        return np.float32(bound)
