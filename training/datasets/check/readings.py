"""How a cell becomes an id, a text or a number: expressions over the column `source`."""

from dataclasses import dataclass

import polars as pl

from training.datasets.check.calendars import calendar_text

CELL = pl.col("source")
LONGEST_TEXT = 1024  # characters of a category, brand, title or kind
LONGEST_PROSE = 100_000  # characters of a free text
EXACT_FLOAT = 2**53  # below it every whole number has a float of its own
NO_NUMBER = ("", "nan", "null", "none", "na", "n/a")
LARGEST = 3.4e38  # what a feature can hold: above it float32 has only infinity
NOT_FINITE = "is no finite number of up to 3.4e38"


@dataclass(frozen=True, slots=True)
class Cells:
    """Some of a column's cells and what is said of them."""

    words: str
    where: pl.Expr


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column is read. A cell that is there and gives no value is unreadable.

    `stages` are columns computed first, each from those before, for what would be computed many times over.
    """

    value: pl.Expr
    there: pl.Expr
    unreadable: str = "can't be read"
    repairs: tuple[Cells, ...] = ()
    refusals: tuple[Cells, ...] = ()  # one such cell and the column can't be used
    stages: tuple[tuple[pl.Expr, ...], ...] = ()

    def staged(self, cells: pl.LazyFrame) -> pl.LazyFrame:
        for stage in self.stages:
            cells = cells.with_columns(stage)
        return cells


def text(dtype: pl.DataType, longest: int | None = LONGEST_TEXT) -> Reading | None:
    """Texts without space around them; none if the type can't be a text."""
    whole = _as_text(dtype)
    if whole is None:
        return None
    stripped = whole.str.strip_chars()
    filled: pl.Expr = pl.when(stripped != "").then(stripped)
    repairs = [
        Cells("has space around it, which is taken away", (whole != stripped) & (stripped != "")),
        Cells("is empty text, taken as missing", stripped == ""),
    ]
    if longest is not None:
        repairs.append(
            Cells(
                f"is longer than {longest:,} characters, cut there",
                stripped.str.len_chars() > longest,
            )
        )
        filled = filled.str.head(longest)
    return Reading(filled, filled.is_not_null(), repairs=tuple(repairs) if _texts(dtype) else ())


def integer_id(dtype: pl.DataType) -> Reading | None:
    """Whole numbers from 0 on, also where they are written as text or as floats."""
    unreadable = "is no whole number from 0 to 2^63 - 1, as id_kind integer wants"
    if dtype.is_integer():
        number = CELL.cast(pl.Int64, strict=False)
        return Reading(pl.when(number >= 0).then(number), CELL.is_not_null(), unreadable)
    if dtype.is_float():
        exact = (CELL >= 0) & (CELL < EXACT_FLOAT) & (CELL.floor() == CELL)
        number = pl.when(exact).then(CELL).cast(pl.Int64, strict=False)
        return Reading(number, CELL.is_not_null() & CELL.is_not_nan(), unreadable)
    whole = _as_text(dtype)
    if whole is None:
        return None
    stripped = whole.str.strip_chars()
    digits = stripped.str.extract(r"^\+?([0-9]+)(?:\.0*)?$", 1)
    repairs = (
        Cells("has space around it, which is taken away", (whole != stripped) & (stripped != "")),
        Cells("is written as a decimal number", stripped.str.contains(r"^\+?[0-9]+\.0*$")),
    )
    return Reading(digits.cast(pl.Int64, strict=False), stripped != "", unreadable, repairs)


def number(dtype: pl.DataType, *, written: bool) -> Reading | None:
    """Finite numbers; NaN is a missing one. `written`: numbers as text are no news, as in a CSV file."""
    if dtype.is_numeric() or dtype == pl.Boolean:
        found = CELL.cast(pl.Float64).fill_nan(None)
        there = found.is_not_null()
        return Reading(_finite(found), there, NOT_FINITE)
    whole = _as_text(dtype) if _texts(dtype) else None
    if whole is None:
        return None
    stripped = whole.str.strip_chars()
    there = ~stripped.str.to_lowercase().is_in(NO_NUMBER)
    found = _finite(stripped.cast(pl.Float64, strict=False).fill_nan(None))
    as_text = Cells("is a number written as text", found.is_not_null())
    return Reading(found, there, NOT_FINITE, () if written else (as_text,))


def _finite(found: pl.Expr) -> pl.Expr:
    return pl.when(found.abs() <= LARGEST).then(found)


def _texts(dtype: pl.DataType) -> bool:
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def _as_text(dtype: pl.DataType) -> pl.Expr | None:
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        return None
    if isinstance(dtype, pl.Datetime | pl.Date):
        return calendar_text(CELL, dtype)
    if not dtype.is_float():
        return CELL.cast(pl.String)
    # A column of whole numbers with gaps arrives as floats from many tools.
    whole = (CELL.abs() < EXACT_FLOAT) & (CELL.floor() == CELL)
    as_integer = pl.when(whole).then(CELL).cast(pl.Int64, strict=False).cast(pl.String)
    return pl.coalesce(as_integer, CELL.fill_nan(None).cast(pl.String))
