"""The leaderboard's tables: models by measures, the same for the page and the document."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.evaluation.intervals import Interval
from training.leaderboard.floors import Floor, floors
from training.leaderboard.goals import Goal, Outcome, outcomes
from training.leaderboard.judging import Measure
from training.leaderboard.leave_one_out import TASK as NEXT
from training.leaderboard.slices import ALL, MEANING
from training.leaderboard.standings import CANDIDATES, MEAN, Standings
from training.rendered import words

SMALL = ("log_loss", "ece")
NEITHER = ("seconds", "accuracy", "bought")  # reported, and no best one marked
SHORT = {"candidate_recall": "cand. R", "recall": "R", "ndcg": "N", "hit_rate": "HR", "mrr": "MRR"}
MAIN = (
    Measure("any", "recall@10"),
    Measure("any", "ndcg@10"),
    Measure("new", "ndcg@10"),
    Measure("basket", "recall@10"),
    Measure("any", "candidate_recall@250"),
    Measure("any", "candidate_recall@500"),
    Measure(NEXT, "hit_rate@10"),
    Measure(NEXT, "ndcg@10"),
    Measure(NEXT, "recall@20"),
    Measure(NEXT, "mrr@20"),
    Measure(CANDIDATES, "auc"),
    Measure(CANDIDATES, "log_loss"),
    Measure(CANDIDATES, "ece"),
    Measure("any", "coverage@10"),
    Measure(NEXT, "coverage@10"),
    Measure("fit", "seconds"),
)
# Said under a table with candidate recall.
CANDIDATE_LISTS = (
    "Candidate recall at k is that of the first k places of a page. A model that ranks candidates is thereby "
    "judged as a source of them: its page is its list of candidates in the order of their probability, "
    "and cut at k it is the list that is given k places."
)
RANKING = tuple(
    Measure(task, metric)
    for task in ("any", "new", "basket", NEXT)
    for metric in ("recall@10", "recall@20", "ndcg@10", "hit_rate@10", "mrr@20")
)
BEYOND = tuple(
    Measure(task, f"{metric}@10")
    for task in ("any", "new", NEXT)
    for metric in ("coverage", "novelty", "diversity", "popularity", "popularity_bias")
)
CLASSIFICATION = tuple(
    Measure(CANDIDATES, metric)
    for metric in (
        "auc",
        "user_auc",
        "average_precision",
        "log_loss",
        "ece",
        "bought",
        "accuracy",
        "precision",
        "recall",
        "f1",
    )
)
SLICED = (
    ("any", "ndcg@10"),
    ("new", "ndcg@10"),
    ("basket", "recall@10"),
    ("any", "candidate_recall@500"),
    (NEXT, "ndcg@10"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure as it is shown; `best` of its column."""

    value: str
    interval: str
    best: bool


@dataclass(frozen=True, slots=True)
class Table:
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[Cell | None, ...]], ...]  # model, seeds, cells


def table(
    standings: Standings,
    measures: Sequence[Measure],
    period: str = MEAN,
    labels: Callable[[Measure], str] | None = None,
) -> Table:
    """Of the measures that any model has, the models that have any of them."""
    figures = {
        (model, measure): found.interval
        for model in standings.seeds
        for measure in measures
        if (found := standings.get(model, measure, period)) is not None
        and math.isfinite(found.value)
    }
    shown = [m for m in measures if any(measure == m for _, measure in figures)]
    best = {m: _best(m, {k[0]: v for k, v in figures.items() if k[1] == m}) for m in shown}
    rows = []
    for model, seeds in standings.seeds.items():
        cells = [_cell(figures.get((model, m)), m, best=best[m] == model) for m in shown]
        if any(cells):
            rows.append((words(model), str(len(seeds)), tuple(cells)))
    return Table(tuple((labels or label)(m) for m in shown), tuple(rows))


def slice_table(standings: Standings, task: str, metric: str) -> Table:
    """The slices of a measure, and first the whole of it."""
    measures = [Measure(task, metric, name) for name in (ALL, *MEANING)]
    return table(standings, measures, labels=lambda measure: words(measure.slice))


def label(measure: Measure) -> str:
    """`any N@10`; of what is no ranking, the metric alone."""
    name, at, cut = measure.metric.partition("@")
    short = f"{SHORT.get(name, words(name))}{at}{cut}"
    plain = measure.task in (CANDIDATES, "fit")
    return short if plain else f"{measure.task} {short}"


def number(value: float, measure: Measure) -> str:
    if measure.metric == "seconds":
        return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 2 else f"{value:.4f}"


@dataclass(frozen=True, slots=True)
class GoalRow:
    text: str
    wanted: str
    ours: str
    peer: str
    found: str
    verdict: str


@dataclass(frozen=True, slots=True)
class FloorRow:
    model: str
    measure: str
    figure: str
    wanted: str
    found: str
    at_most: str
    verdict: str


def goal_rows(standings: Standings) -> list[GoalRow]:
    return [_goal_row(outcome) for outcome in outcomes(standings)]


def floor_rows(standings: Standings) -> list[FloorRow]:
    return [_floor_row(floor) for floor in floors(standings)]


def verdict(reached: bool | None) -> str:  # noqa: FBT001
    return "not measured" if reached is None else "yes" if reached else "no"


def _goal_row(outcome: Outcome) -> GoalRow:
    goal, found = outcome.goal, outcome.found
    beside = f" beside {words(goal.peer)}" if goal.peer else ""
    return GoalRow(
        f"{label(goal.measure)}, {words(goal.ours)}{beside}",
        f"{words(goal.kind)} {goal.bound} {_wanted(goal)}",
        "" if outcome.ours is None else number(outcome.ours, goal.measure),
        "" if outcome.peer is None else number(outcome.peer, goal.measure),
        "" if found is None else with_range(found, signed=goal.kind == "difference"),
        _judgement(outcome),
    )


def _judgement(outcome: Outcome) -> str:
    if not outcome.same_pairs:
        return "other candidates"
    return verdict(outcome.reached) if outcome.peer_counts else "peer below its floor"


def _wanted(goal: Goal) -> str:
    return f"{goal.wanted:+g}" if goal.kind == "difference" else f"{goal.wanted:g}"


def with_range(found: Interval, *, signed: bool) -> str:
    form = "+.4f" if signed else ".4f"
    if found.low is None or found.high is None:
        return format(found.value, form)
    return f"{found.value:{form}} ({found.low:{form}} to {found.high:{form}})"


def _floor_row(floor: Floor) -> FloorRow:
    return FloorRow(
        words(floor.model),
        label(floor.measure),
        f"{floor.figure:g}",
        number(floor.wanted, floor.measure),
        "" if floor.found is None else number(floor.found, floor.measure),
        "" if floor.at_most is None else number(floor.at_most, floor.measure),
        _floor_verdict(floor),
    )


def _floor_verdict(floor: Floor) -> str:
    if floor.is_yardstick:
        return "yardstick"
    return "within chance" if floor.within_chance else verdict(floor.reached)


def _best(measure: Measure, figures: dict[str, Interval]) -> str:
    """The model with the best figure; none where more isn't better, or all have the same."""
    name = measure.metric.partition("@")[0]
    if name in NEITHER or name.startswith(("popularity", "novelty", "diversity")):
        return ""
    if len({one.value for one in figures.values()}) < min(2, len(figures)):
        return ""
    sign = -1 if name in SMALL else 1
    return max(figures, key=lambda model: sign * figures[model].value)


def _cell(found: Interval | None, measure: Measure, *, best: bool) -> Cell | None:
    if found is None:
        return None
    low, high = found.low, found.high
    between = (
        "" if low is None or high is None else f"{number(low, measure)} to {number(high, measure)}"
    )
    return Cell(number(found.value, measure), between, best)
