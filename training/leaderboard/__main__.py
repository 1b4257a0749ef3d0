"""Compares all models: `python -m training.leaderboard --state FOLDER`.

`--leave-one-out FOLDER` and `--responses FOLDER` add boards of those protocols. It asks whoever's answers
are missing or older than what they come from, judges all answers, and writes the page, the records and the
document. It can be stopped and goes on where it was.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from training.atomic import replace_text
from training.datasets.errors import DataSetError
from training.errors import TrainingError
from training.evaluation.leak_check import Checked, check_leaks
from training.evaluation.telling_features import Telling
from training.leaderboard.answering import answer_all
from training.leaderboard.contests import Contest, Kind, by_cutoff
from training.leaderboard.coupon_response import coupon_response
from training.leaderboard.document import write_document
from training.leaderboard.entrants import ENTRANTS
from training.leaderboard.leave_one_out import leave_one_out
from training.leaderboard.page import write_page
from training.leaderboard.printed import print_standings
from training.leaderboard.question import Entrant
from training.leaderboard.records import write_records
from training.leaderboard.standings import standings
from training.prepare.contract_checks import instant

ROOT = Path(__file__).parents[2]
CHECK = "leak_check.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.leaderboard")
    parser.add_argument("--state", type=Path, action="append", default=[], help="judged by cut-off")
    parser.add_argument("--leave-one-out", type=Path, action="append", default=[])
    parser.add_argument("--responses", type=Path, action="append", default=[], help="to mailings")
    parser.add_argument("--cutoff", action="append", default=[], help="default: the latest three")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "leaderboard")
    parser.add_argument("--report", type=Path, default=ROOT / "build" / "report")
    parser.add_argument("--document", type=Path, help="whose table is replaced; default: none")
    given = parser.parse_args()
    console = Console()
    try:
        cutoffs = [instant(text, "cutoff") for text in given.cutoff]
        contests = [
            *(by_cutoff(state, cutoffs) for state in given.state),
            *(leave_one_out(state) for state in given.leave_one_out),
            *(coupon_response(state) for state in given.responses),
        ]
        run(contests, given.out, given.report, given.document, console)
    except (TrainingError, DataSetError) as error:
        console.print(f"[red]leaderboard:[/red] {escape(str(error))}")
        return 1
    return 0


def run(
    contests: Sequence[Contest],
    out: Path,
    report: Path,
    document: Path | None,
    console: Console,
    entrants: Mapping[Kind, Mapping[str, Entrant]] = ENTRANTS,
) -> None:
    """Checks for leaks, asks, judges and writes.

    Raises:
        LeakFound: prepared features hold what was not known; nobody is asked.
        TrainingError, DataSetError: a state folder is incomplete, or answers can't be judged.
    """
    checked = {
        contest.dataset: checked_for_leaks(contest, out)
        for contest in contests
        if contest.kind == "by_cutoff"
    }
    for contest in contests:
        answer_all(contest, entrants[contest.kind], out, console)
    judged = [standings(one, out, models=entrants[one.kind]) for one in contests]
    write_records(report, judged)
    write_page(out / "index.html", judged, checked)
    if document is not None:
        write_document(document, judged)
    for one in judged:
        print_standings(one, console)
    console.print(f"Leaderboard: {out / 'index.html'}")


def checked_for_leaks(contest: Contest, out: Path) -> Checked:
    """The check of these cut-offs, made again only after a new preparation."""
    path = out / contest.dataset / CHECK
    cutoffs = [period.cutoff for period in contest.periods]
    prepared = contest.state / "prepared" / "features.yaml"
    if path.is_file() and path.stat().st_mtime_ns > prepared.stat().st_mtime_ns:
        kept = _read(path)
        if list(kept.cutoffs) == cutoffs:
            return kept
    checked = check_leaks(contest.state, cutoffs)
    text = json.dumps(asdict(checked), default=datetime.isoformat, indent=1)
    replace_text(path, text + "\n")
    return checked


def _read(path: Path) -> Checked:
    kept = json.loads(path.read_text())
    cutoffs = tuple(datetime.fromisoformat(text) for text in kept["cutoffs"])
    telling = tuple(Telling(**one) for one in kept["telling"])
    return Checked(kept["views"], cutoffs, kept["rows"], telling)


if __name__ == "__main__":
    sys.exit(main())
