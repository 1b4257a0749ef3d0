"""Lists of different lengths, flat in memory; padded only when a batch needs them."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Ragged:
    """List i is `values[offsets[i]:offsets[i + 1]]`; `fill` is the null of its type."""

    values: NDArray[np.generic]  # (total,)
    offsets: NDArray[np.int64]  # (n + 1,)
    fill: float | int

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    @property
    def owners(self) -> NDArray[np.int64]:
        """(total,) the place of the list that each value is in."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.lengths)

    def pad(self, which: NDArray[np.int64], width: int) -> NDArray[np.generic]:
        """The lists `which`, cut or filled to `width`: (len(which), width)."""
        lengths = np.minimum(self.offsets[which + 1] - self.offsets[which], width)
        padded = np.full((len(which), width), self.fill, dtype=self.values.dtype)
        inside = np.arange(width) < lengths[:, None]
        positions = self.offsets[which][:, None] + np.arange(width)
        padded[inside] = self.values[positions[inside]]
        return padded

    def mapped(self, values: NDArray[np.generic], fill: float) -> "Ragged":
        """Lists of the same lengths over other values."""
        return Ragged(values, self.offsets, fill)


def ragged(lists: pl.Series, dtype: type[np.generic], longest: int) -> Ragged:
    """A polars list column, cut at `longest`; a null list is empty, a null float inside is NaN."""
    cut = lists.list.head(longest)
    lengths = cut.list.len().fill_null(0).to_numpy().astype(np.int64)
    offsets = np.zeros(len(lists) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    fill: float | int = -1 if np.issubdtype(dtype, np.integer) else float("nan")
    values = cut.filter(pl.Series(lengths > 0)).explode().fill_null(fill)
    return Ragged(values.to_numpy().astype(dtype, copy=False), offsets, fill)
