"""Keeps the last fortnight honest: `python -m training.final check|log --state FOLDER`.

`check` lets one scoring of it begin; `log` appends the figures to the log in the repository. Code that
has been scored is not scored again, and a scoring that was begun must be logged, whatever it says.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape

from training.atomic import replace_text
from training.errors import ScoreRefused, TrainingError
from training.leaderboard.slices import ALL

ROOT = Path(__file__).parents[1]
LOG = ROOT / "docs" / "final_runs.jsonl"
CODE = ("training", "serving", "feature_repo", "protos", "requirements")  # what can change a figure
PERMIT = "final_permit.json"
BOARD = "leaderboard"  # of all peers: its folder, and the file of its figures there


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.final")
    parser.add_argument("action", choices=("check", "log"))
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "final")
    parser.add_argument("--log", type=Path, default=LOG, help="default: %(default)s")
    given = parser.parse_args()
    console = Console()
    try:
        if given.action == "check":
            check(given.state, given.log, ROOT)
            console.print("The last fortnight may be scored, once, with this code.")
        else:
            count = log(given.state, given.log, ROOT)
            console.print(f"{given.log}: run {count} is logged; commit it with its figures.")
    except TrainingError as error:
        console.print(f"[red]final:[/red] {escape(str(error))}")
        return 1
    return 0


def check(state: Path, log_file: Path, repository: Path) -> None:
    """Permits one scoring.

    Raises:
        ScoreRefused: uncommitted changes, this code was scored, or a scoring was never logged.
    """
    dirty = _git(repository, "status", "--porcelain")
    if dirty:
        raise ScoreRefused(
            f"{len(dirty.splitlines())} files differ from the last commit, so the log could not name "
            "the code that was scored; commit or remove them first"
        )
    if _was_scored(state):
        raise ScoreRefused(
            f"{state} holds a final score that was never logged; run "
            f"`python -m training.final log --state {state}` first"
        )
    code = code_id(repository)
    for run in runs(log_file):
        if run["code"] == code and _data_set(state) in (None, run["dataset"]):
            raise ScoreRefused(
                f"this code was scored on {run['dataset']} on {run['time'][:10]} (commit "
                f"{run['commit'][:10]}); the last fortnight is scored once, see {log_file}"
            )
    permit = {"commit": _git(repository, "rev-parse", "HEAD"), "code": code}
    replace_text(state / PERMIT, json.dumps(permit) + "\n")


def log(state: Path, log_file: Path, repository: Path) -> int:
    """Appends the run that `check` permitted, and takes the permit back; the count of all runs.

    Raises:
        ScoreRefused: nothing was permitted or scored, no peer was, or the code is no longer what was
            permitted.
    """
    if not _was_scored(state):
        raise ScoreRefused(f"{state} holds no score that was permitted; run `make final`")
    permit = json.loads((state / PERMIT).read_text())
    if permit["code"] != code_id(repository):
        raise ScoreRefused(
            f"the code changed since {permit['commit'][:10]} was permitted; check that commit out to log"
        )
    if not _is_since(state, state / BOARD / f"{BOARD}.json"):
        raise ScoreRefused(
            f"{state} holds no figures of the peers since the permit; run `make final`"
        )
    entry = _entry(state, permit)
    earlier = log_file.read_text() if log_file.is_file() else ""
    replace_text(log_file, earlier + json.dumps(entry, sort_keys=True) + "\n")
    (state / PERMIT).unlink()
    return len(runs(log_file))


def require_permit(state: Path, now: datetime, default_now: datetime) -> None:
    """Refuses to look past the data set's own horizon outside `make final`, and twice inside it."""
    if now <= default_now:
        return
    if not (state / PERMIT).is_file():
        raise ScoreRefused(
            f"now is {now.isoformat()}, later than the data set's {default_now.isoformat()}: what "
            "follows is scored once, by `make final`"
        )
    if _was_scored(state):
        raise ScoreRefused(
            f"{state} holds a final score that was never logged; run "
            f"`python -m training.final log --state {state}`"
        )


def runs(log_file: Path) -> list[dict[str, Any]]:
    """The logged runs, oldest first."""
    if not log_file.is_file():
        return []
    return [json.loads(line) for line in log_file.read_text().splitlines() if line]


def code_id(repository: Path) -> str:
    """What git calls the content of everything that can change a figure, as committed."""
    listed = _git(repository, "ls-tree", "HEAD", *CODE)
    return " ".join(line.split()[2][:12] for line in listed.splitlines())


def _entry(state: Path, permit: Mapping[str, str]) -> dict[str, Any]:
    score = json.loads((state / "report" / "score.json").read_text())
    manifest = json.loads((state / "bundles" / "current" / "manifest.json").read_text())
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": permit["commit"],
        "code": permit["code"],
        "dataset": score["dataset"],
        "now": score["now"],
        "bundle_id": score["bundle_id"],
        "training": manifest["training"],
        "checks": score["checks"],
        "measurements": score["measurements"],
        "leaderboard": _leaderboard(state),
        "goals": json.loads((state / BOARD / f"{BOARD}_goals.json").read_text()),
    }


def _leaderboard(state: Path) -> list[dict[str, Any]]:
    """The figures of all models, of everybody; those of slices stay in the state folder."""
    rows = json.loads((state / BOARD / f"{BOARD}.json").read_text())
    kept = ("task", "model", "metric", "value", "low", "high", "seeds")
    return [{name: row[name] for name in kept} for row in rows if row["slice"] == ALL]


def _was_scored(state: Path) -> bool:
    """True if a permitted scoring has left its figures."""
    return _is_since(state, state / "report" / "score.json")


def _is_since(state: Path, path: Path) -> bool:
    """True if there is a permit, and the file was written later."""
    permit = state / PERMIT
    if not (permit.is_file() and path.is_file()):
        return False
    return path.stat().st_mtime_ns >= permit.stat().st_mtime_ns


def _data_set(state: Path) -> str | None:
    path = state / "dataset" / "dataset.yaml"
    return str(yaml.safe_load(path.read_text())["name"]) if path.is_file() else None


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ScoreRefused(f"git {arguments[0]} failed in {repository}: {done.stderr.strip()}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
