"""Checks one table: its rows read, repaired, judged and counted; the bad ones set aside as they came."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from training.datasets.check.columns import Column, Terms, read_columns
from training.datasets.check.fills import filled
from training.datasets.check.findings import Counted, Finding, examples, refused
from training.datasets.check.repetition import Distinct, distinct
from training.datasets.check.rules import Judged, judge, row_rules
from training.datasets.check.shown import WIDEST_NAME, shown
from training.datasets.check.sources import ROW, Source, foreign_separator

REASONS = "reasons"
SHOWN_NAMES = 10
CLASH = {
    "events": "is the id of another event",
    "items": "is there already, with other content",
    "users": "is there already, with other content",
    "offers": "is there already, with other content",
}


@dataclass(frozen=True, slots=True)
class Checked:
    """The accepted rows, with columns as they are called inside; none if a column can't be read."""

    columns: tuple[Column, ...]
    rows: pl.DataFrame | None
    counted: Counted
    findings: tuple[Finding, ...]


def described_columns(
    table: str, described: Mapping[str, Mapping[str, object]]
) -> tuple[Column, ...]:
    return tuple(
        Column(table, name, str(of["role"]), of, f"column {number}")
        for number, (name, of) in enumerate(described.items())
    )


def missing_columns(source: Source, columns: tuple[Column, ...]) -> list[Finding]:
    """Described columns that the file lacks."""
    there = _listed(list(source.schema))
    hint = f"its columns are {there}"
    separator = foreign_separator(source)
    if separator:
        hint = f"the file looks separated by {separator}, and commas are read"
    return [
        refused(c.table, c.name, f"no such column; {hint}")
        for c in columns
        if c.name not in source.schema
    ]


def check_table(
    source: Source, columns: tuple[Column, ...], terms: Terms, quarantine: Path
) -> Checked:
    """Writes the quarantined rows to `quarantine`, if there are any. Raises DamagedFile."""
    table = columns[0].table
    read = read_columns(source, columns, terms)
    findings = [*_undescribed(source, columns), *read.findings]
    if any(finding.done == "refused" for finding in findings):
        nothing = Counted(table, read.rows.height, 0, 0, 0)
        return Checked(columns, None, nothing, tuple(findings))
    rows, fills = filled(read.rows, columns)
    judged = judge(rows, columns, terms.id_kind, row_rules(read, terms))
    kept = distinct(judged.good, table, columns)
    findings += [*fills, *_broken(judged, source, table), *_repeated(kept, source, columns)]
    bad = _reasons(judged, kept, columns)
    if not bad.is_empty():
        _set_aside(source, bad, quarantine)
    gone = len(kept.repeated) + len(kept.delivered_again)
    counted = Counted(table, rows.height, kept.rows.height, gone, bad.height)
    return Checked(columns, kept.rows, counted, tuple(findings))


def _undescribed(source: Source, columns: tuple[Column, ...]) -> list[Finding]:
    unknown = [name for name in source.schema if name not in {c.name for c in columns}]
    if not unknown:
        return []
    words = f"not in dataset.yaml, so not read: {_listed(unknown)}"
    return [Finding(columns[0].table, "", words, "noted")]


def _listed(names: list[str]) -> str:
    some = ", ".join(shown(name, WIDEST_NAME) for name in names[:SHOWN_NAMES])
    return some + (f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else "")


def _broken(judged: Judged, source: Source, table: str) -> list[Finding]:
    found = []
    for name, rule in judged.rules.items():
        rows = judged.broken.filter(pl.col(name))[ROW]
        if len(rows):
            shown = examples(rows.head(3).to_list(), _cells(source, rule.column, rows.head(3)))
            found.append(Finding(table, rule.column, rule.words, "quarantined", len(rows), shown))
    return found


def _repeated(kept: Distinct, source: Source, columns: tuple[Column, ...]) -> list[Finding]:
    table = columns[0].table
    ids = [column.name for column in columns if column.role == "id"]
    shown_in = ids[0] if ids else columns[0].name
    told = (
        ("", shown_in, "the row is there already, in every column; dropped", kept.repeated),
        (shown_in, shown_in, "the event is there already; the earliest kept", kept.delivered_again),
        (shown_in, shown_in, CLASH.get(table, ""), kept.clashing),
    )
    return [
        Finding(
            table,
            column,
            words,
            "quarantined" if rows is kept.clashing else "repaired",
            len(rows),
            examples(rows.head(3).to_list(), _cells(source, cell, rows.head(3))),
        )
        for column, cell, words, rows in told
        if len(rows)
    ]


def _cells(source: Source, column: str, rows: pl.Series) -> pl.Series:
    """The cells of a few rows, in their order."""
    wanted = source.scan().filter(pl.col(source.row).is_in(rows.to_list()))
    with source.reading():
        return wanted.select(column).collect(engine="streaming").to_series()


def _reasons(judged: Judged, kept: Distinct, columns: tuple[Column, ...]) -> pl.DataFrame:
    """`row` and `reasons` of every quarantined row."""
    said = [
        pl.when(pl.col(name)).then(pl.lit(f"{rule.column} {rule.words}"))
        for name, rule in judged.rules.items()
    ]
    broken = judged.broken.select(ROW, pl.concat_list(said).list.drop_nulls().alias(REASONS))
    name = next((column.name for column in columns if column.role == "id"), "")
    clash = f"{name} {CLASH.get(columns[0].table, '')}"
    clashing = pl.DataFrame({ROW: kept.clashing}).with_columns(
        pl.lit([clash], pl.List(pl.String)).alias(REASONS)
    )
    return pl.concat([broken, clashing]).sort(ROW)


def _set_aside(source: Source, bad: pl.DataFrame, path: Path) -> None:
    """The source's own columns; a column `reasons` of its own gives way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = source.scan().drop(REASONS, strict=False)
    numbered = bad.lazy().rename({ROW: source.row})
    with source.reading():
        rows.join(numbered, on=source.row, how="inner", maintain_order="left").sink_parquet(path)
