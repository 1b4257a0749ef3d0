"""Draws `index.html`: one file that loads nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from training.atomic import replace_text
from training.evaluation.leak_check import LIMIT, Checked
from training.leaderboard.drawings import drawings
from training.leaderboard.judging import Measure
from training.leaderboard.slices import MEANING
from training.leaderboard.standings import Standings
from training.leaderboard.tables import (
    BEYOND,
    CANDIDATE_LISTS,
    CLASSIFICATION,
    MAIN,
    RANKING,
    SLICED,
    floor_rows,
    goal_rows,
    label,
    slice_table,
    table,
)
from training.rendered import rendered


def write_page(path: Path, several: Sequence[Standings], checked: Mapping[str, Checked]) -> None:
    """The page of all contests; `checked` says by data set what the leak check looked at."""
    page = rendered(
        "leaderboard.html.j2",
        boards=[_board(one, checked.get(one.contest.dataset)) for one in several],
        meaning=MEANING,
        limit=LIMIT,
        candidate_lists=CANDIDATE_LISTS,
    )
    replace_text(path, page)


def _board(standings: Standings, checked: Checked | None) -> dict[str, object]:
    contest = standings.contest
    return {
        "dataset": contest.dataset,
        "kind": contest.kind,
        "periods": [_facts(standings, number) for number in range(len(contest.periods))],
        "items": len(contest.periods[0].catalogue.item_keys),
        "main": table(standings, MAIN),
        "by_period": {name: table(standings, MAIN, name) for name in standings.periods},
        "ranking": table(standings, RANKING),
        "beyond": table(standings, BEYOND),
        "classification": table(standings, CLASSIFICATION),
        "slices": {
            label(Measure(task, metric)): slice_table(standings, task, metric)
            for task, metric in SLICED
            if task in contest.pages
        },
        "goals": goal_rows(standings),
        "floors": floor_rows(standings),
        "drawings": drawings(standings) if standings.seeds else {},
        "checked": checked,
    }


def _facts(standings: Standings, number: int) -> dict[str, object]:
    """How many people and targets a period and its slices have."""
    period = standings.contest.periods[number]
    tasks = {task: len(one.user_ids) for task, one in period.targets.items()}
    first = next(iter(period.targets.values()))
    wanted = period.catalogue.places(first.items.values.astype("int64"))
    slices = {name: int(users.sum()) for name, users in period.slices.users.items()}
    targets = {name: int(items[wanted].sum()) for name, items in period.slices.items.items()}
    return {
        "name": period.name,
        "tasks": tasks,
        "targets": len(wanted),
        "strangers": period.strangers,
        "slices": slices,
        "slice_targets": targets,
    }
