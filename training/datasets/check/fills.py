"""What is put into cells that hold nothing, where the contract or good sense says what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from training.datasets.check.columns import Column
from training.datasets.check.findings import Finding, examples
from training.datasets.check.rules import LAST_TIME
from training.datasets.check.sources import ROW


@dataclass(frozen=True, slots=True)
class Fill:
    """Which cells are filled, with what, and how that is told."""

    words: str
    where: Callable[[pl.Expr], pl.Expr]
    value: Callable[[Mapping[str, str]], pl.Expr]  # from role to column


FILLS = {
    ("events", "quantity"): Fill("is missing, taken as 1", pl.Expr.is_null, lambda _: pl.lit(1.0)),
    ("events", "value"): Fill(
        "is 0, taken as not known",
        lambda value: value == 0,
        lambda _: pl.lit(None, pl.Float64),
    ),
    ("events", "group"): Fill(
        "is missing, taken as the user's day",
        pl.Expr.is_null,
        lambda roles: pl.format("day {}", pl.col(roles["time"]).dt.date()),
    ),
    ("events", "arrival"): Fill(
        "is missing, taken as the time itself",
        pl.Expr.is_null,
        lambda roles: pl.col(roles["time"]),
    ),
    ("events", "id"): Fill(
        "is missing, taken as the row's number",
        pl.Expr.is_null,
        lambda _: pl.format("row {}", pl.col(ROW)),
    ),
    ("offers", "weight"): Fill("is missing, taken as 1", pl.Expr.is_null, lambda _: pl.lit(1.0)),
}
FOR_EVER = Fill(
    "lies after the year 2100, taken as its end",
    lambda value: value > LAST_TIME,
    lambda _: pl.lit(LAST_TIME).dt.cast_time_unit("us"),
)


def filled(
    rows: pl.DataFrame, columns: tuple[Column, ...]
) -> tuple[pl.DataFrame, tuple[Finding, ...]]:
    """Unreadable cells stay as they are; the rules put their rows aside."""
    roles = {column.role: column.inside for column in columns}
    found: list[Finding] = []
    values: list[pl.Expr] = []
    for column in columns:
        fill = FOR_EVER if column.role == "end" else FILLS.get((column.table, column.role))
        if fill is None:
            continue
        value = pl.col(column.inside)
        unreadable = pl.col(column.there) & value.is_null()
        where = fill.where(value).fill_null(value=False)
        where &= ~unreadable if column.strict else pl.lit(value=True)
        hit = rows.filter(where)
        if not hit.is_empty():
            shown = examples(hit[ROW].head(3).to_list(), hit[column.inside].head(3))
            found.append(
                Finding(column.table, column.name, fill.words, "repaired", hit.height, shown)
            )
            held = fill.value(roles)
            values += [
                pl.when(where).then(held).otherwise(value).alias(column.inside),
                pl.when(where).then(held.is_not_null()).otherwise(column.there).alias(column.there),
            ]
    return rows.with_columns(values), tuple(found)
