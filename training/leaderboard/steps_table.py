"""The table of steps: each one's figures, and what it gave beside the step before it."""

from collections.abc import Mapping, Sequence

from training.evaluation.sampled import difference
from training.leaderboard.document import markdown
from training.leaderboard.judging import Measure
from training.leaderboard.leave_one_out import TASK as NEXT
from training.leaderboard.standings import CANDIDATES, Standings
from training.leaderboard.tables import label, number, with_range

NEXT_FIGURES = tuple(Measure(NEXT, name) for name in ("hit_rate@10", "ndcg@10", "recall@20"))
NEXT_GAINS = NEXT_FIGURES[:2]
FIGURES = (
    Measure("any", "ndcg@10"),
    Measure("new", "ndcg@10"),
    Measure("any", "candidate_recall@250"),
    Measure(CANDIDATES, "auc"),
    Measure(CANDIDATES, "log_loss"),
    Measure(CANDIDATES, "ece"),
)
GAINS = (Measure("any", "ndcg@10"), Measure(CANDIDATES, "log_loss"))


def steps_table(of: Standings, steps: Mapping[str, tuple[str, str]]) -> list[str]:
    """Lines of markdown, of the steps that were taken: how each is called, and the one it is held against."""
    by_cutoff = of.contest.kind == "by_cutoff"
    figures, gains = (FIGURES, GAINS) if by_cutoff else (NEXT_FIGURES, NEXT_GAINS)
    head = ("step", "beside", *map(label, figures), *(f"{label(m)}, gained (95 %)" for m in gains))
    rows = [
        (
            said,
            steps[beside][0] if beside else "",
            *(_figure(of, name, measure) for measure in figures),
            *(_gain(of, name, beside, measure) for measure in gains),
        )
        for name, (said, beside) in steps.items()
        if name in of.seeds
    ]
    return [*_about(of), *markdown(head, rows)]


def _about(of: Standings) -> Sequence[str]:
    return (f"{of.contest.dataset}, {of.periods[-1]}, one seed.", "")


def _figure(of: Standings, name: str, measure: Measure) -> str:
    found = of.get(name, measure)
    return "" if found is None else number(found.value, measure)


def _gain(of: Standings, name: str, beside: str, measure: Measure) -> str:
    mine, other = of.get(name, measure), of.get(beside, measure)
    if mine is None or other is None:
        return ""
    if measure.task == CANDIDATES and of.candidates[name] != of.candidates[beside]:
        return "other candidates"
    return with_range(difference(mine, other).interval, signed=True)
