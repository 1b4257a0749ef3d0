"""From a view's parquet to packed rows with polars: the latest row of each entity, column by column."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from serving.errors import ArtefactError
from serving.features.frame_values import Contents, column_values, key_values
from serving.features.keys import NOBODY, composite_key
from serving.features.layout import Column, Layout, Scalar
from serving.features.packing import pack


@dataclass(frozen=True, slots=True)
class Source:
    """A view's parquet and the columns that are no features."""

    path: Path | str
    join_key: str  # what the rows are named after; the column of ids unless `ids` says otherwise
    event_time: str
    created_time: str  # empty if the source has none
    ids: tuple[Column, ...] | None = (
        None  # the columns of ids; none: one entity that all rows are of
    )
    renamed: Mapping[str, str] = field(default_factory=dict)  # from the parquet's names

    @property
    def id_names(self) -> list[str]:
        return [self.join_key] if self.ids is None else [column.name for column in self.ids]

    def scan(self) -> pl.LazyFrame:
        return pl.scan_parquet(self.path).rename(dict(self.renamed), strict=False)


@dataclass(frozen=True, slots=True)
class PackedView:
    """(n,) keys and rows, and what the keys among them stand for."""

    keys: NDArray[np.int64]
    rows: NDArray[np.void]
    texts: Contents


def latest(source: Source, start: datetime, end: datetime) -> pl.DataFrame:
    """Each entity's newest row with start <= event time <= end; of equal ones the last created.

    The rows are picked by their times alone, and only the picked ones are then read whole.
    """
    order = [source.event_time, *([source.created_time] if source.created_time else [])]
    whole = source.scan().with_row_index("__row")
    picked = (
        whole.filter(_instant(source.event_time).is_between(start, end))
        .select("__row", *source.id_names, *order)
        .sort(*order, "__row")
        .unique(source.id_names or None, keep="last", maintain_order=True)
        .select("__row")
    )
    if not source.id_names:
        picked = picked.tail(1)
    return whole.join(picked, on="__row", how="semi").drop("__row").collect(engine="streaming")


def pack_frame(view: str, layout: Layout, source: Source, frame: pl.DataFrame) -> PackedView:
    """Packs every row of `frame`.

    Raises:
        ArtefactError: a column is missing or can't be of its field's type, or an id is null.
        LayoutMismatch: a list is longer than its column.
    """
    wanted = [*source.id_names, source.event_time, *(c.name for c in layout.columns)]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise ArtefactError(f"{source.path} lacks {', '.join(missing)}, which view {view} needs")
    texts: Contents = {}
    keys = _keys(view, source, frame, texts)
    columns = {c.name: column_values(view, c, frame[c.name], texts) for c in layout.columns}
    times = frame.select(_instant(source.event_time).dt.epoch("us")).to_series().to_numpy()
    return PackedView(keys, pack(view, layout, columns, times), texts)


def _instant(name: str) -> pl.Expr:
    """A time without a zone is UTC."""
    return pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _keys(view: str, source: Source, frame: pl.DataFrame, texts: Contents) -> NDArray[np.int64]:
    if source.ids is None:
        kind: Scalar = "string" if frame[source.join_key].dtype == pl.String else "int64"
        return key_values(view, Column(source.join_key, kind), frame[source.join_key], texts)
    if not source.ids:
        return np.full(frame.height, NOBODY)
    if len(source.ids) == 1:
        return key_values(view, source.ids[0], frame[source.ids[0].name], texts)
    parts = [key_values(view, column, frame[column.name], {}) for column in source.ids]
    rows = zip(*(part.tolist() for part in parts), strict=True)
    return np.fromiter(map(composite_key, rows), dtype=np.int64, count=frame.height)
