"""What a run leaves for programs: every figure, the goals and the floors, as JSON.

`leaderboard.json` lists every figure by period and slice; those of all periods and people are merged into
`metrics.json`, where rows of other models and tasks stay as they are.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.atomic import replace_text
from training.evaluation.measurements import merge
from training.leaderboard.floors import floors
from training.leaderboard.goals import outcomes
from training.leaderboard.judging import Measure
from training.leaderboard.slices import ALL
from training.leaderboard.standings import MEAN, Standings

Row = dict[str, Any]


def write_records(report: Path, several: Sequence[Standings]) -> None:
    """Writes `leaderboard.json` and `leaderboard_goals.json`, and merges into `metrics.json`."""
    rows = [row for standings in several for row in figures(standings)]
    _write(report / "leaderboard.json", rows)
    _write(report / "leaderboard_goals.json", [judged(standings) for standings in several])
    merge(report / "metrics.json", [_plain(row) for row in rows if _is_whole(row)])


def figures(standings: Standings) -> Iterator[Row]:
    """A row a figure that is defined."""
    for (period, model, measure), sampled in standings.cells.items():
        found = sampled.interval
        if math.isfinite(found.value):
            yield {
                "dataset": standings.contest.dataset,
                "task": measure.task,
                "model": model,
                "metric": measure.metric,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "seeds": list(standings.seeds[model]),
                "slice": measure.slice,
                "period": period,
            }


def judged(standings: Standings) -> Row:
    """The goals and floors of a data set."""
    return {
        "dataset": standings.contest.dataset,
        "periods": list(standings.periods),
        "goals": [
            {
                **_named(one.goal.measure),
                "model": one.goal.ours,
                "peer": one.goal.peer or None,
                "compared": one.goal.kind,
                "bound": one.goal.bound,
                "wanted": one.goal.wanted,
                "value": one.ours,
                "peer_value": one.peer,
                "found": None if one.found is None else asdict(one.found),
                "reached": one.reached,
                "same_pairs": one.same_pairs,
                "peer_counts": one.peer_counts,
            }
            for one in outcomes(standings)
        ],
        "floors": [
            {**_named(one.measure), **{k: v for k, v in asdict(one).items() if k != "measure"}}
            for one in floors(standings)
        ],
    }


def _named(measure: Measure) -> Row:
    return {"task": measure.task, "metric": measure.metric}


def _is_whole(row: Row) -> bool:
    return bool(row["period"] == MEAN and row["slice"] == ALL)


def _plain(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("slice", "period")}


def _write(path: Path, rows: Sequence[Row]) -> None:
    replace_text(path, json.dumps(rows, indent=1) + "\n")
