"""What a check found: one finding a table, column and rule, with counts and examples."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import polars as pl

from training.datasets.check.calendars import calendar_text

Done = Literal["repaired", "quarantined", "refused", "noted"]
EXAMPLES = 3
LONGEST_EXAMPLE = 200  # characters of a cell that are kept


@dataclass(frozen=True, slots=True)
class Example:
    """A cell; rows count from 1 and a CSV file's header is none."""

    row: int
    value: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong in a column, in how many rows, and what was done about it."""

    table: str
    column: str
    rule: str
    done: Done
    rows: int = 0
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows of one table."""

    table: str
    read: int
    accepted: int
    repeated: int  # rows that were there already, and dropped
    quarantined: int


@dataclass(frozen=True, slots=True)
class Report:
    """A check's result; it is refused if a finding is."""

    source: str
    name: str
    tables: tuple[Counted, ...] = ()
    findings: tuple[Finding, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def refusals(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.done == "refused")

    @property
    def quarantined(self) -> int:
        return sum(table.quarantined for table in self.tables)

    def document(self) -> dict[str, Any]:
        """For report.json."""
        return {"version": 1, "refused": bool(self.refusals)} | asdict(self)


def refused(table: str, column: str, rule: str) -> Finding:
    return Finding(table, column, rule, "refused")


def examples(rows: Sequence[int], cells: pl.Series) -> tuple[Example, ...]:
    """The first few cells as text."""
    shown = as_text(cells.head(EXAMPLES)).str.head(LONGEST_EXAMPLE)
    return tuple(
        Example(row, text) for row, text in zip(rows[:EXAMPLES], shown.to_list(), strict=True)
    )


def as_text(cells: pl.Series) -> pl.Series:
    if cells.dtype.is_nested() or cells.dtype in (pl.Binary, pl.Object):
        return pl.Series([str(value) for value in cells.to_list()], dtype=pl.String)
    if isinstance(cells.dtype, pl.Datetime | pl.Date):
        return cells.to_frame().select(calendar_text(pl.first(), cells.dtype)).to_series()
    return cells.cast(pl.String, strict=False)
