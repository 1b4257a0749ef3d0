"""Checks a folder of tables: `python -m training.datasets.check --data FOLDER --out FOLDER`.

Exit code 0: what is left can be used. 1: it can't, or FOLDER is none; the report says what to do.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from training.datasets.check.printed import print_report
from training.datasets.check.whole import REPORT, check
from training.datasets.errors import DataSetError
from training.datasets.folder import replacing

ACCEPTED = "accepted"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.datasets.check")
    parser.add_argument("--data", type=Path, required=True, help="the folder to check")
    parser.add_argument("--out", type=Path, required=True, help="report, quarantine, accepted data")
    given = parser.parse_args()
    console = Console()
    try:
        return run(given.data, given.out, console)
    except DataSetError as error:
        console.print(f"[red]data-check:[/red] {escape(str(error))}")
        return 1


def run(data: Path, out: Path, console: Console) -> int:
    """Replaces `out` by this check's result.

    Raises:
        DataSetError: `data` is no folder, or `out` holds something else than an earlier check.
    """
    if not data.is_dir():
        raise DataSetError(f"{data} is no folder; DATA names one that holds dataset.yaml")
    strange = out.exists() and (not out.is_dir() or any(out.iterdir()))
    if strange and not (out / REPORT).is_file():
        raise DataSetError(
            f"{out} holds something else than an earlier check; give another folder for it"
        )
    if data.resolve().is_relative_to(out.resolve()):
        raise DataSetError(f"{data} lies in {out}, which is replaced; give another folder for it")
    with replacing(out) as kept:
        (kept / ACCEPTED).mkdir()
        report = check(data, kept / ACCEPTED, kept, datetime.now(UTC))
    print_report(report, out, console)
    return 1 if report.refusals else 0


if __name__ == "__main__":
    sys.exit(main())
