"""Packs columns into rows of a layout, all rows of a column at once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.errors import LayoutMismatch
from serving.features.layout import LENGTH, Column, Layout


@dataclass(frozen=True, slots=True)
class Scalars:
    """A column of single values; what `values` holds where there is none doesn't matter."""

    values: NDArray[np.generic]  # (n,)
    nulls: NDArray[np.bool_]  # (n,)


@dataclass(frozen=True, slots=True)
class Lists:
    """A column of lists: their elements one after the other, and how many each has; a null one has 0."""

    values: NDArray[np.generic]  # (lengths.sum(),)
    lengths: NDArray[np.int64]  # (n,)
    nulls: NDArray[np.bool_]  # (n,)


ColumnValues = Scalars | Lists


def pack(
    view: str,
    layout: Layout,
    columns: Mapping[str, ColumnValues],
    event_time_us: NDArray[np.int64],
) -> NDArray[np.void]:
    """(n,) rows; `columns` holds every column of the layout.

    Raises:
        LayoutMismatch: a list is longer than its column.
    """
    rows = layout.empty(len(event_time_us))
    rows["event_time_us"] = event_time_us
    nulls = np.zeros((len(rows), len(layout.columns)), dtype=bool)
    for place, column in enumerate(layout.columns):
        values = columns[column.name]
        nulls[:, place] = values.nulls
        if isinstance(values, Lists):
            _fill_lists(view, rows, column, values)
        else:
            rows[column.name] = np.where(values.nulls, column.null, values.values)
    layout.set_nulls(rows, nulls)
    return rows


def _fill_lists(view: str, rows: NDArray[np.void], column: Column, lists: Lists) -> None:
    longest = int(lists.lengths.max(initial=0))
    if longest > column.length:
        raise LayoutMismatch(
            f"{view}.{column.name}: a list of {longest} elements, its column holds "
            f"{column.length}; shorten it, or raise the field's max_length"
        )
    filled = np.arange(column.length) < lists.lengths[:, None]  # (n, length)
    rows[column.name][filled] = lists.values
    rows[column.name + LENGTH] = lists.lengths
