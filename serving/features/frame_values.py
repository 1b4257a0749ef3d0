"""From a polars column to what is packed, with the values that Feast would take from it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from serving.errors import ArtefactError
from serving.features.keys import bytes_key
from serving.features.layout import Column, Scalar
from serving.features.packing import ColumnValues, Lists, Scalars

Contents = dict[int, str | bytes]  # what keys stand for
NO_TIME = -(2**63)  # what Feast makes of a time that is null
NUMBERS: Mapping[Scalar, pl.DataType] = {
    "int64": pl.Int64(),
    "int32": pl.Int32(),
    "float64": pl.Float64(),
    "float32": pl.Float32(),
    "bool": pl.Boolean(),
}
EMPTY: Mapping[Scalar, str | bytes] = {"bytes": b"", "json": "null"}  # what a null in a list is


def column_values(view: str, column: Column, series: pl.Series, contents: Contents) -> ColumnValues:
    """A column to pack; what its keys stand for is added to `contents`.

    Raises:
        ArtefactError: a value can't be of the column's type.
    """
    try:
        if column.length:
            return _lists(column, series, contents)
        return _scalars(column, series, contents)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OverflowError) as error:
        raise ArtefactError(
            f"{view}.{column.name}: a column of {series.dtype} can't be {column.dtype}: {error}"
        ) from error


def key_values(
    view: str, column: Column, series: pl.Series, contents: Contents
) -> NDArray[np.int64]:
    """(n,) keys of ids.

    Raises:
        ArtefactError: an id is null, or of another type.
    """
    found = column_values(view, column, series, contents)
    if found.nulls.any() or series.null_count():
        raise ArtefactError(f"{view}.{column.name} has ids that are null")
    return found.values.astype(np.int64)


def _scalars(column: Column, series: pl.Series, contents: Contents) -> Scalars:
    if series.dtype == pl.Null:
        nulls = np.ones(len(series), dtype=bool)
        return Scalars(np.full(len(series), column.null, dtype=column.stored), nulls)
    stored = _stored(column, series, contents)
    if stored.dtype.is_float():
        stored = stored.fill_nan(None)
    nulls = stored.is_null().to_numpy()
    values = stored.fill_null(column.null).to_numpy().astype(column.stored)
    return Scalars(values, nulls)


def _lists(column: Column, series: pl.Series, contents: Contents) -> Lists:
    if isinstance(series.dtype, pl.Array):
        series = series.arr.to_list()
    elif series.dtype == pl.Null:
        series = series.cast(pl.List(pl.Null))
    lengths = series.list.len().fill_null(0).cast(pl.Int64)
    elements = series.filter(lengths > 0).explode()
    if column.keyed:
        elements = _fill(elements, EMPTY.get(column.scalar, ""))
    values = _stored(column, elements, contents).fill_null(column.null)
    return Lists(
        values.to_numpy().astype(column.stored), lengths.to_numpy(), series.is_null().to_numpy()
    )


def _fill(series: pl.Series, value: str | bytes) -> pl.Series:
    return pl.Series([value] * len(series)) if series.dtype == pl.Null else series.fill_null(value)


def _stored(column: Column, series: pl.Series, contents: Contents) -> pl.Series:
    """As it stands in a row, null where there is no value."""
    if column.keyed:
        return _hashed(CONTENT.get(column.scalar, _text)(series), contents)
    if column.scalar == "unix_timestamp":
        return _seconds(series)
    dtype = NUMBERS[column.scalar]
    if series.dtype.is_float() and not dtype.is_float():
        series = series.fill_nan(None)
    return series.cast(dtype)


def _seconds(series: pl.Series) -> pl.Series:
    """Since 1970, rounded down; a time without a zone is UTC."""
    if series.dtype.is_temporal():
        series = series.cast(pl.Datetime("us")).dt.epoch("s")
    return series.cast(pl.Int64).fill_null(NO_TIME)


def _text(series: pl.Series) -> pl.Series:
    return series.cast(pl.String)


def _bytes(series: pl.Series) -> pl.Series:
    if series.dtype not in (pl.Binary, pl.Null):
        raise TypeError("it isn't bytes")
    return series.cast(pl.Binary)


def _decimal(series: pl.Series) -> pl.Series:
    """As Python writes it."""
    if series.dtype.is_decimal():
        return pl.Series([None if v is None else str(v) for v in series], dtype=pl.String)
    return _strict_text(series)


def _json(series: pl.Series) -> pl.Series:
    texts = _strict_text(series)
    for text in texts.drop_nulls().unique():
        json.loads(text)
    return texts


def _strict_text(series: pl.Series) -> pl.Series:
    if series.dtype not in (pl.String, pl.Null):
        raise TypeError("it isn't text")
    return series.cast(pl.String)


CONTENT: Mapping[Scalar, Callable[[pl.Series], pl.Series]] = {
    "bytes": _bytes,
    "decimal": _decimal,
    "json": _json,
    "uuid": _strict_text,
    "time_uuid": _strict_text,
}


def _hashed(series: pl.Series, contents: Contents) -> pl.Series:
    """The keys of texts or bytes, null where there is none; each is hashed once."""
    distinct: list[Any] = series.drop_nulls().unique().to_list()
    keys = [bytes_key(one.encode() if isinstance(one, str) else one) for one in distinct]
    contents.update(zip(keys, distinct, strict=True))
    return series.replace_strict(
        pl.Series(distinct, dtype=series.dtype),
        pl.Series(keys, dtype=pl.Int64),
        default=None,
        return_dtype=pl.Int64,
    )
