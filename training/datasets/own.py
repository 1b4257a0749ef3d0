"""Somebody's own data set: a folder in the contract's form, checked, repaired and taken over."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from serving.search.index import SYNONYMS
from training.datasets.check.printed import print_report
from training.datasets.check.whole import check
from training.datasets.errors import DataSetError
from training.datasets.folder import replacing
from training.prepare.contract import DESCRIPTION

CHECKED = "data-check"  # beside the data set: report.json and quarantine/


def copy(source: Path, out: Path, console: Console) -> None:
    """Takes what can be used of `source` to `out`, whole or not at all, and prints the check's report.

    `synonyms.txt`, which search reads, goes along as it is.

    Raises:
        DataSetError: the folder is none, or what is left of it can't be used; the report says why.
    """
    if not source.is_dir():
        raise DataSetError(f"{source} is no folder; DATA names one that holds {DESCRIPTION}")
    beside = out.parent / CHECKED
    with replacing(out) as accepted:
        with replacing(beside) as kept:
            report = check(source, accepted, kept, datetime.now(UTC))
        if (synonyms := source / SYNONYMS).is_file():
            shutil.copyfile(synonyms, accepted / SYNONYMS)
        print_report(report, beside, console)
        if report.refusals:
            reasons = "; ".join(
                " ".join(part for part in (f.table, f.column, f.rule) if part)
                for f in report.refusals
            )
            raise DataSetError(f"{source} can't be used: {reasons}")
    console.print(f"{out}: the data set {report.name}, checked and taken from {source}")
