"""The whole check of a folder: description, files, tables in turn, and whether the rest can be used."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from training.datasets.check.columns import Column, Terms
from training.datasets.check.findings import Counted, Finding, Report, refused
from training.datasets.check.names import accepted_description, accepted_names, renamed
from training.datasets.check.sources import KINDS, ROW, Source, open_source
from training.datasets.check.tables import (
    Checked,
    check_table,
    described_columns,
    missing_columns,
)
from training.datasets.check.usable import usable
from training.datasets.errors import DamagedFile, DescriptionError
from training.prepare.contract import DESCRIPTION, open_data_set, read_description
from training.prepare.contract_checks import instant, role_problems
from training.prepare.contract_roles import NEEDED_TABLES, ROLES

REPORT = "report.json"
QUARANTINE = "quarantine"
KNOWN = {"items": "id", "offers": "id"}  # whose ids later tables refer to


def check(folder: Path, accepted: Path, kept: Path, present: datetime) -> Report:
    """Writes what can be used to `accepted`, and the report and the quarantined rows to `kept`.

    Only a report without refusals leaves a data set in `accepted`. Both folders are empty before.
    """
    try:
        described = read_description(folder)
        _refuse(role_problems(described["tables"]))
        report = _check_tables(folder, described, accepted, kept, present)
    except DescriptionError as error:
        problems = tuple(refused("", DESCRIPTION, problem) for problem in error.problems)
        report = Report(str(folder), folder.name, findings=problems)
    document = json.dumps(report.document(), indent=1, ensure_ascii=False)
    (kept / REPORT).write_text(document + "\n", encoding="utf-8")
    return report


def _refuse(problems: list[str]) -> None:
    if problems:
        raise DescriptionError(problems)


def _check_tables(
    folder: Path, described: Mapping[str, Any], accepted: Path, kept: Path, present: datetime
) -> Report:
    tables: Mapping[str, Any] = described["tables"]
    names = accepted_names(tables)
    terms = _terms(described, present)
    findings = [*_undescribed(folder, tables), *renamed(tables, names)]
    counted: list[Counted] = []
    written: dict[str, tuple[Column, ...]] = {}
    scratch = kept / "scratch"
    scratch.mkdir()
    for table in (name for name in ROLES if name in tables):
        checked = _check(folder, table, tables[table], terms, kept, scratch, findings)
        if checked is None:
            continue
        counted.append(checked.counted)
        findings += checked.findings
        if checked.rows is None:
            continue
        terms = _with_known(terms, table, checked)
        findings += _of_whole_table(table, checked, terms)
        if not checked.rows.is_empty():
            _write(checked, names[table], accepted / f"{table}.parquet")
            written[table] = checked.columns
    shutil.rmtree(scratch)
    report = Report(str(folder), described["name"], tuple(counted), tuple(findings))
    if report.refusals:
        return report
    document = accepted_description(described, written, names)
    (accepted / DESCRIPTION).write_text(
        yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8"
    )
    judged = usable(open_data_set(accepted))
    return replace(report, findings=(*findings, *judged.findings), facts=judged.facts)


def _terms(described: Mapping[str, Any], present: datetime) -> Terms:
    """Data about a time to come is accepted where dataset.yaml says that now lies there."""
    latest = present
    if described["default_now"] is not None:
        horizons = 2 * timedelta(days=described["horizon_days"])
        latest = max(present, instant(described["default_now"], "default_now") + horizons)
    return Terms(
        described["id_kind"],
        described["time_zone"],
        described["currencies"],
        tuple(described["target_kinds"]),
        latest,
    )


def _check(
    folder: Path,
    table: str,
    described: Mapping[str, Any],
    terms: Terms,
    kept: Path,
    scratch: Path,
    findings: list[Finding],
) -> Checked | None:
    """None, and a finding more, if the file or a column of it is missing or damaged."""
    source = open_source(folder, table, scratch)
    if not isinstance(source, Source):
        findings.append(refused(table, "", source))
        return None
    columns = described_columns(table, described)
    missing = missing_columns(source, columns)
    findings += missing
    if missing:
        return None
    try:
        return check_table(source, columns, terms, kept / QUARANTINE / f"{table}.parquet")
    except DamagedFile as error:
        findings.append(refused(table, "", str(error)))
        return None


def _undescribed(folder: Path, tables: Mapping[str, Any]) -> list[Finding]:
    return [
        Finding(table, "", f"{table}.{kind} is there, but dataset.yaml has no such table", "noted")
        for table in ROLES
        for kind in KINDS
        if table not in tables and (folder / f"{table}.{kind}").is_file()
    ]


def _with_known(terms: Terms, table: str, checked: Checked) -> Terms:
    if table not in KNOWN or checked.rows is None:
        return terms
    column = next(c.inside for c in checked.columns if c.role == KNOWN[table])
    return replace(terms, known={**terms.known, table: checked.rows[column]})


def _of_whole_table(table: str, checked: Checked, terms: Terms) -> list[Finding]:
    rows = checked.rows
    if rows is None:
        return []
    if rows.is_empty():
        if table in NEEDED_TABLES:
            words = "no row is left; rows and the columns that dataset.yaml names are needed"
            return [refused(table, "", words)]
        return [Finding(table, "", "no row is left, so the table is left out", "noted")]
    roles = {column.role: column for column in checked.columns}
    found = []
    if table == "events":
        time = pl.col(roles["time"].inside)
        late = rows.filter(time < time.shift())
        if not late.is_empty():
            words = "the rows are not in the order of their times; sorted"
            found.append(Finding(table, roles["time"].name, words, "repaired", late.height))
    if "currency" in roles and terms.currencies is None:
        several = rows[roles["currency"].inside].drop_nulls().unique().sort().to_list()
        if len(several) > 1:
            listed = ", ".join(str(one)[:10] for one in several[:5])
            words = (
                f"{len(several)} currencies ({listed}); say in currencies what one unit is worth"
            )
            found.append(refused(table, roles["currency"].name, words))
    return found


def _write(checked: Checked, names: Mapping[str, str], path: Path) -> None:
    """Events by time, whatever their order was."""
    if checked.rows is None:
        return
    times = [column.inside for column in checked.columns if column.role == "time"]
    ordered = checked.rows.sort(*times, ROW) if times else checked.rows
    ordered.select(
        pl.col(column.inside).alias(names[column.name]) for column in checked.columns
    ).write_parquet(path)
