"""From polars columns to what is packed: every type, what is null and what only looks like it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from serving.errors import ArtefactError
from serving.features.frame_values import NO_TIME, Contents, column_values, key_values
from serving.features.keys import bytes_key, string_key
from serving.features.layout import Column, Dtype
from serving.features.packing import Lists, Scalars

AT = datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)


def column(dtype: Dtype) -> Column:
    return Column("x", dtype, 4 if dtype.endswith("_list") else 0)


def packed(dtype: Dtype, values: Any, kind: Any = None) -> tuple[list[Any], list[bool], Contents]:
    contents: Contents = {}
    series = pl.Series(values, dtype=kind, strict=False)
    found = column_values("view", column(dtype), series, contents)
    assert isinstance(found, Lists if dtype.endswith("_list") else Scalars)
    assert found.values.dtype == np.dtype(column(dtype).stored)
    return found.values.tolist(), found.nulls.tolist(), contents


@pytest.mark.parametrize(
    ("dtype", "values", "kind", "stored"),
    [
        ("int64", [-1, 2**63 - 1, -(2**63)], pl.Int64, [-1, 2**63 - 1, -(2**63)]),
        ("int32", [-1, 2**31 - 1], pl.Int64, [-1, 2**31 - 1]),
        ("int64", ["7"], pl.String, [7]),
        ("float64", [0.1, float("-inf")], pl.Float64, [0.1, float("-inf")]),
        ("float32", [0.5, 1e300], pl.Float64, [0.5, float("inf")]),
        ("bool", [True, False], pl.Boolean, [True, False]),
        ("bool", [1, 0], pl.Int8, [True, False]),
        ("string", ["", "ä"], pl.String, [string_key(""), string_key("ä")]),
        ("string", [5], pl.Int64, [string_key("5")]),
        ("bytes", [b"", b"\xff"], pl.Binary, [bytes_key(b""), bytes_key(b"\xff")]),
        ("decimal", [Decimal("1.50")], pl.Decimal(10, 2), [string_key("1.50")]),
        ("unix_timestamp", [AT], pl.Datetime("us", "UTC"), [-1]),
        ("unix_timestamp", [date(1970, 1, 2)], pl.Date, [86_400]),
        ("unix_timestamp", [-1, None], pl.Int64, [-1, NO_TIME]),
        ("uuid", ["a"], pl.String, [string_key("a")]),
        ("json", ['{"a": 1}'], pl.String, [string_key('{"a": 1}')]),
    ],
)
def test_what_looks_like_null_is_a_value(
    dtype: Dtype, values: Any, kind: Any, stored: list[Any]
) -> None:
    found, nulls, _ = packed(dtype, values, kind)
    assert found == stored
    assert nulls == [False] * len(values)


@pytest.mark.parametrize("dtype", ["int64", "int32", "bool", "string", "bytes", "float64", "json"])
def test_null_is_null_in_every_type(dtype: Dtype) -> None:
    assert packed(dtype, [None, None], pl.Null)[1] == [True, True]


def test_numbers_beside_nulls_keep_their_digits() -> None:
    assert packed("int64", [2**53 + 1, None])[:2] == ([2**53 + 1, -1], [False, True])


def test_not_a_number_is_null_by_itself_and_a_value_in_a_list() -> None:
    assert packed("float32", [float("nan"), 1.0])[1] == [True, False]
    values, nulls, _ = packed("float32_list", [[float("nan")], None])
    assert np.isnan(values).tolist() == [True]
    assert nulls == [False, True]


def test_no_list_and_one_without_elements_are_told_apart() -> None:
    series = pl.Series([None, [], ["a", None]], dtype=pl.List(pl.String))
    contents: Contents = {}
    found = column_values("view", column("string_list"), series, contents)
    assert isinstance(found, Lists)
    assert found.nulls.tolist() == [True, False, False]
    assert found.lengths.tolist() == [0, 0, 2]
    assert found.values.tolist() == [string_key("a"), string_key("")]  # as Feast takes it
    assert contents == {string_key("a"): "a", string_key(""): ""}


@pytest.mark.parametrize(
    ("dtype", "values", "kind"),
    [
        ("int32", [2**31], pl.Int64),
        ("int64", ["seven"], pl.String),
        ("bytes", ["text"], pl.String),
        ("uuid", [5], pl.Int64),
        ("json", ["{"], pl.String),
        ("int64_list", [1], pl.Int64),
    ],
)
def test_what_can_not_be_of_the_type_is_told_by_name(dtype: Dtype, values: Any, kind: Any) -> None:
    with pytest.raises(ArtefactError, match=rf"view\.x: a column of .* can't be {dtype}"):
        packed(dtype, values, kind)


def test_ids_are_numbers_texts_and_times_but_never_null() -> None:
    contents: Contents = {}
    assert key_values("view", column("int64"), pl.Series([-5]), contents).tolist() == [-5]
    assert key_values("view", column("string"), pl.Series(["a"]), contents).tolist() == [
        string_key("a")
    ]
    for dtype, series in (("string", pl.Series(["a", None])), ("int64", pl.Series([1, None]))):
        with pytest.raises(ArtefactError, match=r"view\.x has ids that are null"):
            key_values("view", column(dtype), series, contents)  # type: ignore[arg-type]
