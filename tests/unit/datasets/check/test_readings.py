"""Cells against what they are read as, written out by hand."""

from decimal import Decimal

import polars as pl
import pytest

from training.datasets.check.readings import Reading, integer_id, number, text

BIGGEST = 2**63 - 1


def read(reading: Reading | None, cells: pl.Series) -> list[object]:
    """Values; an unreadable cell is "?"."""
    assert reading is not None
    frame = cells.alias("source").to_frame().select(value=reading.value, there=reading.there)
    frame = frame.with_columns(pl.col("there").fill_null(value=False))
    lost = frame["there"] & frame["value"].is_null()
    return ["?" if bad else value for value, bad in zip(frame["value"], lost, strict=True)]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("12", 12),
        (" 12\u00a0", 12),
        ("12.0", 12),
        ("+12", 12),
        ("007", 7),
        (str(BIGGEST), BIGGEST),
        (str(BIGGEST + 1), "?"),
        ("-1", "?"),
        ("1.5", "?"),
        ("1e3", "?"),
        ("٣", "?"),
        ("x", "?"),
        ("", None),
        (None, None),
    ],
)
def test_an_integer_id_may_be_written_as_text(cell: str | None, value: object) -> None:
    cells = pl.Series([cell], dtype=pl.String)
    assert read(integer_id(cells.dtype), cells) == [value]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (pl.Series([12.0, 1.5, -1.0, 1e19, float("nan"), None]), [12, "?", "?", "?", None, None]),
        (pl.Series([12, -1, None], dtype=pl.Int8), [12, "?", None]),
        (pl.Series([BIGGEST, 2**64 - 1], dtype=pl.UInt64), [BIGGEST, "?"]),
        (pl.Series([Decimal("3.00"), Decimal("3.50")]), [3, "?"]),
    ],
)
def test_an_integer_id_may_be_a_number_of_any_type(cells: pl.Series, values: list[object]) -> None:
    assert read(integer_id(cells.dtype), cells) == values


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (pl.Series([" a ", "", "  ", None, "NA"]), ["a", None, None, None, "NA"]),
        (pl.Series([3.0, 2.5, float("nan")]), ["3", "2.5", None]),
        (pl.Series([3, None]), ["3", None]),
        (pl.Series([True, None]), ["true", None]),
        (pl.Series(["a", "b"], dtype=pl.Categorical), ["a", "b"]),
        (
            pl.Series([19_000, 2**31 - 1], dtype=pl.Int32).cast(pl.Date),
            ["2022-01-08", "2147483647"],
        ),
        (pl.Series(["é" * 1025, "e\u0301"]), ["é" * 1024, "e\u0301"]),
    ],
)
def test_whatever_can_be_written_is_a_text(cells: pl.Series, values: list[object]) -> None:
    assert read(text(cells.dtype), cells) == values


def test_lists_structs_and_bytes_are_neither_texts_nor_ids_nor_numbers() -> None:
    for cells in (pl.Series([["a"]]), pl.Series([{"a": 1}]), pl.Series([b"a"])):
        readings = (text(cells.dtype), integer_id(cells.dtype), number(cells.dtype, written=True))
        assert readings == (None, None, None)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (pl.Series([" 1.5", "1e3", "12,5", "two"]), [1.5, 1000.0, "?", "?"]),
        (pl.Series(["", "nan", "NULL", "n/a", None]), [None] * 5),
        (pl.Series(["inf", "1e999", "-3.5e38", "3.3e38"]), ["?", "?", "?", 3.3e38]),
        (pl.Series([1.5, float("nan"), float("-inf"), None]), [1.5, None, "?", None]),
        (pl.Series([True, False]), [1.0, 0.0]),
        (pl.Series([Decimal("1.50")]), [1.5]),
    ],
)
def test_a_number_is_finite_or_missing(cells: pl.Series, values: list[object]) -> None:
    assert read(number(cells.dtype, written=True), cells) == values


def test_what_is_repaired_is_told_of_the_cells_that_it_happened_to() -> None:
    cells = pl.Series("source", [" a", "b", "", "c" * 2000])
    reading = text(cells.dtype)
    assert reading is not None
    hit = {r.words: cells.to_frame().filter(r.where)["source"].to_list() for r in reading.repairs}
    assert list(hit.values()) == [[" a"], [""], ["c" * 2000]]
    assert "is longer than 1,024 characters, cut there" in hit
