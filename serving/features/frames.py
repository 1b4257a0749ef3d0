"""From a view's parquet to packed rows with polars: the latest row of each entity, column by column."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from serving.errors import ArtefactError
from serving.features.keys import string_keys
from serving.features.layout import Column, Layout
from serving.features.packing import ColumnValues, Lists, pack


@dataclass(frozen=True, slots=True)
class Source:
    """A view's parquet and the columns that are no features."""

    path: Path | str
    join_key: str
    event_time: str
    created_time: str  # empty if the source has none


@dataclass(frozen=True, slots=True)
class PackedView:
    """(n,) keys and rows, and the texts of the keys among them."""

    keys: NDArray[np.int64]
    rows: NDArray[np.void]
    texts: Mapping[int, str]


def latest(source: Source, start: datetime, end: datetime) -> pl.DataFrame:
    """Each entity's newest row with start <= event time <= end; of equal ones the last created.

    The rows are picked by their times alone, and only the picked ones are then read whole.
    """
    order = [source.event_time, *([source.created_time] if source.created_time else [])]
    whole = pl.scan_parquet(source.path).with_row_index("__row")
    picked = (
        whole.filter(pl.col(source.event_time).is_between(start, end))
        .select("__row", source.join_key, *order)
        .sort(*order, "__row")
        .unique(source.join_key, keep="last", maintain_order=True)
        .select("__row")
    )
    return whole.join(picked, on="__row", how="semi").drop("__row").collect(engine="streaming")


def pack_frame(view: str, layout: Layout, source: Source, frame: pl.DataFrame) -> PackedView:
    """Packs every row of `frame`.

    Raises:
        ArtefactError: a column is missing, an id is null or negative.
        LayoutMismatch: a list is longer than its column.
    """
    wanted = [source.join_key, source.event_time, *(c.name for c in layout.columns)]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise ArtefactError(f"{source.path} lacks {', '.join(missing)}, which view {view} needs")
    texts: dict[int, str] = {}
    keys = _keys(f"{view}.{source.join_key}", frame[source.join_key], texts)
    columns = {c.name: _values(c, frame[c.name], texts) for c in layout.columns}
    times = frame[source.event_time].dt.epoch("us").to_numpy()
    return PackedView(keys, pack(view, layout, columns, times), texts)


def _keys(name: str, ids: pl.Series, texts: dict[int, str]) -> NDArray[np.int64]:
    keys = _hashed(ids, texts) if ids.dtype == pl.String else ids.cast(pl.Int64)
    if keys.null_count() or (keys < 0).any():
        raise ArtefactError(f"{name} has null or negative ids; an id is 0 to 2^63 - 1, or a text")
    return keys.to_numpy()


def _values(column: Column, series: pl.Series, texts: dict[int, str]) -> ColumnValues:
    if not column.length:
        scalars = _hashed(series, texts) if column.dtype == "string" else series
        return _numbers(column, scalars)
    lengths = series.list.len().fill_null(0).cast(pl.Int64)
    return Lists(_numbers(column, series.filter(lengths > 0).explode()), lengths.to_numpy())


def _numbers(column: Column, series: pl.Series) -> NDArray[np.generic]:
    dtype = pl.Int64 if column.integer else pl.Float32
    values: NDArray[Any] = series.cast(dtype).fill_null(column.null).to_numpy()
    return values


def _hashed(series: pl.Series, texts: dict[int, str]) -> pl.Series:
    """The keys of the texts, null where the text is; each text is hashed once."""
    distinct = series.drop_nulls().unique()
    keys = string_keys(distinct)
    texts.update(zip(keys.tolist(), distinct, strict=True))
    return series.replace_strict(distinct, keys, default=None, return_dtype=pl.Int64)
