"""Targets and floors, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from training.evaluation.sampled import Sampled
from training.leaderboard.contests import Contest
from training.leaderboard.floors import FIGURES, FILMS, JOURNEY, KNOWN_AT, SHARE, YARDSTICKS, floors
from training.leaderboard.goals import GOALS, Bound, Goal, Kind, outcomes
from training.leaderboard.judging import Measure
from training.leaderboard.leave_one_out import TASK as NEXT
from training.leaderboard.records import judged
from training.leaderboard.standings import CANDIDATES, MEAN, Cell, Standings
from training.leaderboard.tables import floor_rows

NDCG = Measure("any", "ndcg@10")
AUC = Measure(CANDIDATES, "auc")


def made(contest: Contest, dataset: str, figures: dict[tuple[str, Measure], Sampled]) -> Standings:
    named = Contest(dataset, contest.kind, contest.state, contest.pages, "any", contest.periods, ())
    found = Standings(named)
    for (model, measure), figure in figures.items():
        found.cells[Cell(MEAN, model, measure)] = figure
        found.candidates.setdefault(model, frozenset({("p", 1)}))
    return found


def around(value: float, width: float) -> Sampled:
    return Sampled(value, np.linspace(value - width, value + width, 101))


@pytest.mark.parametrize(
    ("kind", "bound", "wanted", "ours", "reached"),
    [
        ("ratio", "at least", 1.05, around(0.22, 0.001), True),
        ("ratio", "at least", 1.05, around(0.209, 0.001), False),  # a gain, too small
        ("ratio", "at least", 1.05, around(0.22, 0.05), False),  # large, by chance perhaps
        ("difference", "at least", 0.005, around(0.21, 0.001), True),
        ("difference", "at most", 0.0, around(0.19, 0.001), True),
        ("difference", "at most", 0.0, around(0.199, 0.01), False),
    ],
)
def test_a_gain_is_claimed_beyond_chance_alone(
    contest: Contest,
    kind: Kind,
    bound: Bound,
    wanted: float,
    ours: Sampled,
    *,
    reached: bool,
) -> None:
    goal = Goal("shop", NDCG, "peer", kind, bound, wanted)
    flat = Sampled(0.2, np.full(101, 0.2))
    standings = made(contest, "shop", {("fused", NDCG): ours, ("peer", NDCG): flat})
    (found,) = outcomes(standings, [goal])
    assert found.reached is reached
    assert (found.ours, found.peer) == (ours.value, 0.2)


def test_a_bound_that_is_no_gain_may_be_a_tie(contest: Contest) -> None:
    goal = Goal("shop", AUC, "peer", "difference", "at least", -0.02, is_gain=False)
    same = around(0.84, 0.01)
    standings = made(contest, "shop", {("fused", AUC): same, ("peer", AUC): same})
    assert outcomes(standings, [goal])[0].reached is True
    alone = Goal("shop", AUC, "", "value", "at most", 0.9, is_gain=False)
    found = outcomes(standings, [alone])[0]
    assert found.reached is True
    assert found.peer is None


def test_classifiers_of_other_pairs_are_not_compared(contest: Contest) -> None:
    goal = Goal("shop", AUC, "peer", "difference", "at least", 0.0)
    standings = made(
        contest, "shop", {("fused", AUC): around(0.9, 0.01), ("peer", AUC): around(0.8, 0.01)}
    )
    standings.candidates["peer"] = frozenset({("p", 2)})
    (found,) = outcomes(standings, [goal])
    assert found.reached is None
    assert not found.same_pairs


def test_what_was_not_measured_is_neither_reached_nor_missed(contest: Contest) -> None:
    goal = Goal("shop", NDCG, "peer", "ratio", "at least", 1.0)
    standings = made(contest, "shop", {("fused", NDCG): around(0.2, 0.01)})
    (found,) = outcomes(standings, [goal])
    assert (found.ours, found.peer, found.found, found.reached) == (0.2, None, None, None)


def test_goals_of_other_data_sets_are_left_out(contest: Contest) -> None:
    found = outcomes(made(contest, JOURNEY, {}))
    assert [one.goal for one in found] == [goal for goal in GOALS if goal.dataset == JOURNEY]
    assert len(found) == 8


def test_a_floor_is_the_known_figure_at_the_level_of_the_weeks(contest: Contest) -> None:
    """Weeks in which the yardstick is half as good ask half as much of the others."""
    known = FIGURES[JOURNEY][NDCG]
    half = Sampled(known["personal_decay"] / 2, np.zeros(0))
    ease = Sampled(known["ease"] / 2 * SHARE * 0.99, np.zeros(0))
    standings = made(contest, JOURNEY, {("personal_decay", NDCG): half, ("ease", NDCG): ease})
    found = {one.model: one for one in floors(standings) if one.measure == NDCG}
    assert found["ease"].level == pytest.approx(0.5)
    assert found["ease"].wanted == pytest.approx(known["ease"] / 2 * SHARE)
    assert found["ease"].reached is False
    assert found["bpr"].reached is None
    assert found["personal_decay"].is_yardstick
    assert found["personal_decay"].reached is None
    assert not found["ease"].is_yardstick


@pytest.mark.parametrize(("share", "reached"), [(0.96, True), (0.93, False)])
def test_a_yardstick_says_the_level_within_an_interval(
    contest: Contest,
    share: float,
    reached: bool,  # noqa: FBT001
) -> None:
    known = FIGURES[JOURNEY][NDCG]
    figure, level = known["ease"], known["personal_decay"]
    same = Sampled(level, np.full(101, level))
    spread = np.linspace(0.95, 1.05, 101)  # the interval is from 0.9525 to 1.0475
    ease = Sampled(figure * share, figure * share * spread)
    standings = made(contest, JOURNEY, {("personal_decay", NDCG): same, ("ease", NDCG): ease})
    found = {one.model: one for one in floors(standings) if one.measure == NDCG}
    assert found["ease"].at_most == pytest.approx(figure * share * 1.0475)
    assert found["ease"].found is not None
    assert found["ease"].found < found["ease"].wanted
    assert found["ease"].reached is reached
    assert found["ease"].within_chance is reached
    rows = {(row.model, row.measure): row.verdict for row in floor_rows(standings)}
    assert rows["ease", "any N@10"] == ("within chance" if reached else "no")
    assert rows["personal decay", "any N@10"] == "yardstick"
    assert rows["bpr", "any N@10"] == "not measured"
    kept = judged(standings)["floors"]
    assert [one["model"] for one in kept if one["within_chance"]] == ["ease"] * reached


def test_a_figure_that_reaches_by_itself_needs_no_chance(contest: Contest) -> None:
    known = FIGURES[JOURNEY][NDCG]
    decay, ease = (around(known[name], 0.01) for name in ("personal_decay", "ease"))
    standings = made(contest, JOURNEY, {("personal_decay", NDCG): decay, ("ease", NDCG): ease})
    found = {one.model: one for one in floors(standings) if one.measure == NDCG}
    assert (found["ease"].reached, found["ease"].within_chance) == (True, False)
    kept = {one["model"]: one for one in judged(standings)["floors"] if one["task"] == "any"}
    assert (kept["personal_decay"]["is_yardstick"], kept["personal_decay"]["reached"]) == (
        True,
        None,
    )


def test_in_the_weeks_that_the_figures_are_of_they_stand_as_they_are(contest: Contest) -> None:
    half = Sampled(FIGURES[JOURNEY][NDCG]["personal_decay"] / 2, np.zeros(0))
    standings = made(contest, JOURNEY, {("personal_decay", NDCG): half})
    (week,) = KNOWN_AT[JOURNEY]
    of = replace(contest.periods[0], name=week)
    standings.contest = replace(standings.contest, periods=(of,))
    found = next(
        one for one in floors(standings) if (one.model, one.measure) == ("personal_decay", NDCG)
    )
    assert (found.level, found.reached, found.is_yardstick) == (1.0, False, False)


def test_a_gain_beside_a_peer_below_its_floor_does_not_count(contest: Contest) -> None:
    measure = Measure(NEXT, "hit_rate@10")
    known = FIGURES[FILMS][measure]["sasrec"]
    for peer, reached in ((known, True), (known / 2, None)):
        flat = Sampled(peer, np.full(101, peer))
        ours = around(known * 1.2, 0.001)
        standings = made(contest, FILMS, {("fused", measure): ours, ("sasrec", measure): flat})
        found = next(one for one in outcomes(standings) if one.goal.measure == measure)
        assert (found.reached, found.peer_counts) == (reached, reached is True)


def test_every_yardstick_has_a_known_figure() -> None:
    for (dataset, task), model in YARDSTICKS.items():
        for measure, figures in FIGURES[dataset].items():
            assert measure.task != task or model in figures
