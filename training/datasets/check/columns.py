"""Reads a table's columns one at a time, each as its role asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from training.datasets.check import readings, times
from training.datasets.check.findings import Done, Finding, examples
from training.datasets.check.readings import Cells, Reading
from training.datasets.check.sources import ROW, Source
from training.prepare.contract_roles import INSTANTS, NUMBERS, ROLES, is_entity_id

OPAQUE = ("id", "group", "offer", "token")  # told apart, never shown or learned from
# Unreadable cells of these put the row aside though the role is optional; others become missing.
STRICT = ("quantity", "value", "weight", "currency")


@dataclass(frozen=True, slots=True)
class Terms:
    """What dataset.yaml and the tables before say about every table's cells."""

    id_kind: str
    time_zone: str | None
    currencies: Mapping[str, float] | None
    target_kinds: tuple[str, ...]
    latest: datetime  # nothing can have happened later
    known: Mapping[str, pl.Series] = field(default_factory=dict)  # accepted ids of items and offers


@dataclass(frozen=True, slots=True)
class Column:
    """A described column; `inside` is what it is called while it is checked."""

    table: str
    name: str
    role: str
    described: Mapping[str, Any]
    inside: str

    @property
    def there(self) -> str:
        """The Boolean column beside it: the cell holds something."""
        return f"{self.inside} there"

    @property
    def needed(self) -> bool:
        return self.role in ROLES[self.table].needed

    @property
    def strict(self) -> bool:
        return self.needed or self.role in STRICT


@dataclass(frozen=True, slots=True)
class Read:
    """A table's rows as values; `unreadable` says of each column what a cell without one is."""

    rows: pl.DataFrame  # row, and two columns for each column
    columns: tuple[Column, ...]
    unreadable: Mapping[str, str]
    findings: tuple[Finding, ...]


def read_columns(source: Source, columns: tuple[Column, ...], terms: Terms) -> Read:
    """Memory holds one column of the source at a time."""
    rows = source.rows()
    unreadable: dict[str, str] = {}
    findings: list[Finding] = []
    for column in columns:
        cells = source.column(column.name)
        reading = _reading(column, cells.schema["source"], terms, source.kind)
        if reading is None:
            words = (
                f"is of the type {source.schema[column.name]}, which the role can't be read from"
            )
            findings.append(Finding(column.table, column.name, words, "refused"))
            continue
        unreadable[column.inside] = reading.unreadable
        read, told = _read(column, cells, reading)
        rows = rows.hstack(read)
        findings += told
    return Read(rows, columns, unreadable, tuple(findings))


def _reading(column: Column, dtype: pl.DataType, terms: Terms, kind: str) -> Reading | None:
    if is_entity_id(column.table, column.role):
        if terms.id_kind == "integer":
            return readings.integer_id(dtype)
        return readings.text(dtype, None)
    if column.role in INSTANTS:
        return times.instants(dtype, terms.time_zone, column.described.get("unit"))
    if column.role in NUMBERS:
        return readings.number(dtype, written=kind == "csv")
    if column.role == "text":
        return readings.text(dtype, readings.LONGEST_PROSE)
    return readings.text(dtype, None if column.role in OPAQUE else readings.LONGEST_TEXT)


def _read(
    column: Column, cells: pl.DataFrame, reading: Reading
) -> tuple[pl.DataFrame, list[Finding]]:
    """The column's values, and what is told of its cells."""
    lost = Cells(
        f"{reading.unreadable}; taken as missing",
        reading.there.fill_null(value=False) & reading.value.is_null(),
    )
    forgiven = () if column.strict else (lost,)
    told: list[tuple[Cells, Done]] = [(cells, "refused") for cells in reading.refusals]
    told += [(cells, "repaired") for cells in (*reading.repairs, *forgiven)]
    # One query, so that what several of the expressions share is computed once.
    read = (
        reading.staged(cells.lazy())
        .select(
            reading.value.alias(column.inside),
            reading.there.fill_null(value=False).alias(column.there),
            *(one.where.alias(f"told {number}") for number, (one, _) in enumerate(told)),
        )
        .collect(engine="streaming")
    )
    found = []
    for number, (one, done) in enumerate(told):
        hit = cells.filter(read[f"told {number}"])
        if not hit.is_empty():
            shown = examples(hit[ROW].head(3).to_list(), hit["source"].head(3))
            found.append(Finding(column.table, column.name, one.words, done, hit.height, shown))
    return read.select(column.inside, column.there), found
