"""The made-up rows as parquet files, which is what Feast's own materialisation reads."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from serving.features.layout import Column
from serving.features.packing import ColumnValues, Lists
from tests.load.features import shop

TYPES = {"int64": pl.Int64, "float32": pl.Float32}


def write_parquet(rows: Mapping[str, shop.Rows], folder: Path, items: int) -> None:
    """A file a view, of the first `items` items and all users."""
    folder.mkdir(parents=True)
    for view, one in rows.items():
        few = one.packed[: items if shop.entity_of(view) == "item" else None]
        frame(one, len(few)).write_parquet(folder / f"{view}.parquet")


def frame(rows: shop.Rows, count: int) -> pl.DataFrame:
    """The first `count` rows, with their time."""
    layout = shop.layout(rows.view)
    time = datetime.fromtimestamp(int(rows.packed["event_time_us"][0]) / 1e6, UTC)
    columns = {c.name: _series(c, rows.columns[c.name], count) for c in layout.columns}
    key = f"{shop.entity_of(rows.view)}_id"
    return pl.DataFrame({key: rows.entities[:count], **columns}).with_columns(
        event_timestamp=pl.lit(time).dt.cast_time_unit("us")
    )


def _series(column: Column, values: ColumnValues, count: int) -> pl.Series:
    dtype = TYPES["int64" if column.integer else "float32"]
    if not isinstance(values, Lists):
        return pl.Series(column.name, values.values[:count], dtype=dtype)
    ends = values.lengths.cumsum()
    listed = [
        values.values[end - length : end]
        for end, length in zip(ends[:count].tolist(), values.lengths[:count].tolist(), strict=True)
    ]
    return pl.Series(column.name, listed, dtype=pl.List(dtype))
