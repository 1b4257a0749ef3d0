"""Packs columns into rows of a layout, all rows of a column at once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.errors import LayoutMismatch
from serving.features.layout import LENGTH, Column, Layout


@dataclass(frozen=True, slots=True)
class Lists:
    """A column of lists: their elements one after the other, and how many each has."""

    values: NDArray[np.generic]  # (lengths.sum(),)
    lengths: NDArray[np.int64]  # (n,)


ColumnValues = NDArray[np.generic] | Lists


def pack(
    view: str,
    layout: Layout,
    columns: Mapping[str, ColumnValues],
    event_time_us: NDArray[np.int64],
) -> NDArray[np.void]:
    """(n,) rows; `columns` holds every column of the layout, with nulls as the layout has them.

    Raises:
        LayoutMismatch: a list is longer than its column.
    """
    rows = layout.empty(len(event_time_us))
    rows["event_time_us"] = event_time_us
    for column in layout.columns:
        values = columns[column.name]
        if isinstance(values, Lists):
            _fill_lists(view, rows, column, values)
        else:
            rows[column.name] = values
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
