"""What our models are to reach beside their peers, declared once, and whether they do.

A gain counts where its figure is reached and the paired 95 % interval lies wholly on the better side; and
only beside a peer that reaches all its floors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from training.evaluation.intervals import Interval
from training.evaluation.sampled import Sampled, difference, ratio
from training.leaderboard.floors import COUPONS, FILMS, JOURNEY, floors
from training.leaderboard.judging import Measure
from training.leaderboard.leave_one_out import TASK as NEXT
from training.leaderboard.standings import CANDIDATES, Standings

OURS = "fused"
Kind = Literal["ratio", "difference", "value"]
Bound = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Goal:
    """`kind` of our figure to the peer's, or our figure alone, is to be `bound` `wanted`."""

    dataset: str
    measure: Measure
    peer: str  # empty where our figure stands alone
    kind: Kind
    bound: Bound
    wanted: float
    is_gain: bool = True  # the interval has to exclude a tie
    ours: str = OURS


@dataclass(frozen=True, slots=True)
class Outcome:
    """`found` and `reached` are None where one of the two was not measured, or on other pairs.

    Of a peer that is below a floor of its own, only `reached` is.
    """

    goal: Goal
    ours: float | None
    peer: float | None
    found: Interval | None
    reached: bool | None
    same_pairs: bool = True
    peer_counts: bool = True


def _beats(dataset: str, task: str, metric: str, peer: str, times: float) -> Goal:
    return Goal(dataset, Measure(task, metric), peer, "ratio", "at least", times)


GOALS = (
    _beats(JOURNEY, "any", "ndcg@10", "lightgbm", 1.05),
    _beats(JOURNEY, "new", "ndcg@10", "lightgbm", 1.25),
    _beats(JOURNEY, "basket", "recall@10", "tifu_knn", 1.05),
    _beats(JOURNEY, "any", "candidate_recall@250", "personal_decay", 1.08),
    _beats(JOURNEY, "any", "candidate_recall@500", "personal_decay", 1.08),
    Goal(JOURNEY, Measure(CANDIDATES, "auc"), "lightgbm", "difference", "at least", 0.005),
    Goal(JOURNEY, Measure(CANDIDATES, "log_loss"), "lightgbm", "difference", "at most", 0.0),
    Goal(JOURNEY, Measure(CANDIDATES, "ece"), "", "value", "at most", 0.01, is_gain=False),
    _beats(FILMS, NEXT, "hit_rate@10", "sasrec", 1.0),
    _beats(FILMS, NEXT, "ndcg@10", "sasrec", 1.0),
    _beats(FILMS, NEXT, "hit_rate@10", "gru4rec", 1.0),  # the best peer there
    _beats(FILMS, NEXT, "ndcg@10", "gru4rec", 1.0),
    Goal(
        COUPONS,
        Measure(CANDIDATES, "auc"),
        "logistic",
        "difference",
        "at least",
        -0.02,
        is_gain=False,
    ),
)
COMPARED: Mapping[Kind, Callable[[Sampled, Sampled], Sampled]] = {
    "ratio": ratio,
    "difference": difference,
    "value": lambda ours, _: ours,
}
TIE: Mapping[Kind, float] = {"ratio": 1.0, "difference": 0.0, "value": float("-inf")}


def outcomes(standings: Standings, goals: Sequence[Goal] = GOALS) -> list[Outcome]:
    """Of the goals of this contest's data set, over all its periods."""
    below = {floor.model for floor in floors(standings) if floor.reached is False}
    found = [_outcome(standings, g) for g in goals if g.dataset == standings.contest.dataset]
    return [
        replace(one, reached=None, peer_counts=False) if one.goal.peer in below else one
        for one in found
    ]


def _outcome(standings: Standings, goal: Goal) -> Outcome:
    ours = standings.get(goal.ours, goal.measure)
    peer = standings.get(goal.peer, goal.measure) if goal.peer else ours
    if ours is None or peer is None:
        values = [None if one is None else one.value for one in (ours, peer)]
        return Outcome(goal, values[0], values[1], None, None)
    if goal.measure.task == CANDIDATES and goal.peer and not _same_pairs(standings, goal):
        return Outcome(goal, ours.value, peer.value, None, None, same_pairs=False)
    found = COMPARED[goal.kind](ours, peer).interval
    return Outcome(
        goal, ours.value, peer.value if goal.peer else None, found, _is_reached(goal, found)
    )


def _same_pairs(standings: Standings, goal: Goal) -> bool:
    """A classifier is harder or easier by the candidates that it is given."""
    return standings.candidates[goal.ours] == standings.candidates[goal.peer]


def _is_reached(goal: Goal, found: Interval) -> bool:
    tie = TIE[goal.kind]
    if found.low is None or found.high is None:
        return False
    if goal.bound == "at least":
        return found.value >= goal.wanted and (not goal.is_gain or found.low > tie)
    return found.value <= goal.wanted and (not goal.is_gain or found.high < tie)
