"""Seeds are averaged per person, people are drawn once for all, and periods count alike."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.leaderboard.conftest import MADE_UP, answered, drawn
from training.errors import AnswersError
from training.evaluation.classification import Pairs, best_threshold
from training.evaluation.sampled import ratio
from training.leaderboard.answers import path_of, save
from training.leaderboard.contests import Contest
from training.leaderboard.judging import Measure, pairs, values
from training.leaderboard.standings import CANDIDATES, MEAN, Standings, standings

NDCG = Measure("any", "ndcg@10")


@pytest.fixture(scope="module")
def found(contest: Contest, folder: Path) -> Standings:
    return standings(contest, folder, MADE_UP, draws=200)


def test_a_figure_is_the_mean_over_seeds_people_and_periods(
    found: Standings, contest: Contest
) -> None:
    by_period = []
    for number, period in enumerate(contest.periods):
        seeds = [
            values(drawn(contest, number, s, pairs=True), period, contest)[NDCG] for s in (7, 8, 9)
        ]
        by_period.append(np.mean(seeds))
        assert found.get("chance", NDCG, period.name).value == pytest.approx(by_period[-1])
    assert found.get("chance", NDCG).value == pytest.approx(np.mean(by_period))
    assert found.seeds == {"chance": (7, 8, 9), "plain": (0,)}


def test_every_figure_of_people_has_an_interval(found: Standings) -> None:
    interval = found.get("chance", NDCG).interval
    assert interval.low < interval.value < interval.high
    assert found.get("chance", Measure("any", "coverage@10")).interval.low is None
    assert found.get("plain", Measure("fit", "seconds")).value == 2.0


def test_a_model_beside_itself_has_a_ratio_of_exactly_1(found: Standings) -> None:
    one = found.get("chance", NDCG)
    interval = ratio(one, one).interval
    assert interval.low == interval.value == interval.high == 1


def test_random_probabilities_have_an_auc_of_a_half(found: Standings) -> None:
    interval = found.get("chance", Measure(CANDIDATES, "auc")).interval
    assert interval.low < 0.5 < interval.high
    assert found.get("plain", Measure(CANDIDATES, "auc")) is None


def test_the_threshold_is_chosen_in_the_other_periods(found: Standings, contest: Contest) -> None:
    """F1 at it, by hand, for the last period."""
    per_seed = []
    for seed in (7, 8, 9):
        scored = [
            pairs(drawn(contest, n, seed, pairs=True), p, contest)
            for n, p in enumerate(contest.periods)
        ]
        others = Pairs(
            np.concatenate([one.user for one in scored[:2]]),
            np.concatenate([one.probability for one in scored[:2]]),
            np.concatenate([one.bought for one in scored[:2]]),
        )
        taken = scored[2].probability >= best_threshold(others)
        right = (taken & scored[2].bought).sum()
        per_seed.append(2 * right / (taken.sum() + scored[2].bought.sum()))
    name = contest.periods[2].name
    figure = found.get("chance", Measure(CANDIDATES, "f1"), name)
    assert figure.value == pytest.approx(np.mean(per_seed))


def test_a_single_periods_threshold_is_chosen_among_other_people(
    found: Standings, contest: Contest, folder: Path
) -> None:
    """F1 by hand, half of the people at a time."""
    only = replace(contest, periods=contest.periods[2:])
    alone, per_seed = standings(only, folder, MADE_UP, draws=20), []
    for seed in (7, 8, 9):
        one = pairs(drawn(contest, 2, seed, pairs=True), only.periods[0], only)
        taken = np.zeros(len(one.user), dtype=np.bool_)
        for half in (0, 1):
            mine, others = one.user % 2 == half, one.user % 2 != half
            rest = Pairs(one.user[others], one.probability[others], one.bought[others])
            taken[mine] = one.probability[mine] >= best_threshold(rest)
        per_seed.append(2 * (taken & one.bought).sum() / (taken.sum() + one.bought.sum()))
    figure = alone.get("chance", Measure(CANDIDATES, "f1"))
    assert figure.value == pytest.approx(np.mean(per_seed))
    assert (
        figure.value != found.get("chance", Measure(CANDIDATES, "f1"), only.periods[0].name).value
    )


def test_a_period_that_is_missing_leaves_no_mean(
    contest: Contest, folder: Path, tmp_path: Path
) -> None:
    for period in contest.periods[:2]:
        there = tmp_path / contest.dataset / period.name
        there.parent.mkdir(exist_ok=True)
        there.symlink_to(folder / contest.dataset / period.name)
    part = standings(contest, tmp_path, MADE_UP, draws=20)
    assert part.get("plain", NDCG, contest.periods[0].name) is not None
    assert not [cell for cell in part.cells if cell.period == MEAN]


def test_two_runs_agree_to_the_last_digit(found: Standings, contest: Contest, folder: Path) -> None:
    again = standings(contest, folder, MADE_UP, draws=200)
    for cell, figure in found.cells.items():
        np.testing.assert_array_equal(figure.draws, again.cells[cell].draws)


def test_answers_of_other_people_are_named_by_their_model(contest: Contest, tmp_path: Path) -> None:
    """As those of an earlier preparation would be."""
    first = contest.periods[0]
    answers = drawn(contest, 0, 1, pairs=False)
    short = replace(
        answers, user_ids=answers.user_ids[1:], any=answers.any[1:], new=answers.new[1:]
    )
    save(path_of(tmp_path, contest.dataset, first.name, "stale", 0), short)
    with pytest.raises(AnswersError, match=r"stale: .* have no page; remove its answers"):
        standings(contest, tmp_path, answered(stale=(0,)), draws=10)


def test_who_takes_no_part_any_more_is_not_judged(
    found: Standings, contest: Contest, folder: Path
) -> None:
    assert {"plain"} < set(found.seeds)
    assert found.ignored == ()
    part = standings(contest, folder, answered(plain=(0,)), draws=10)
    assert set(part.seeds) == {"plain"}
    assert {path.name for path in part.ignored} == {f"chance.{seed}.npz" for seed in (7, 8, 9)}
    assert len(part.ignored) == 9


def test_a_seed_that_is_not_asked_for_any_more_is_not_averaged_in(
    contest: Contest, folder: Path
) -> None:
    part = standings(contest, folder, answered(chance=(7, 9, 11), plain=(0,)), draws=10)
    assert part.seeds["chance"] == (7, 9)
    assert {path.name for path in part.ignored} == {"chance.8.npz"}
    only = [values(drawn(contest, 0, s, pairs=True), contest.periods[0], contest) for s in (7, 9)]
    figure = part.get("chance", NDCG, contest.periods[0].name)
    assert figure.value == pytest.approx(np.mean([one[NDCG] for one in only]))


@pytest.mark.parametrize("age", ["older code", "other parameters", "broken"])
def test_what_is_not_up_to_date_is_not_judged(contest: Contest, tmp_path: Path, age: str) -> None:
    """As of who can't take part in a period any more: the old answers still lie there."""
    first = contest.periods[0]
    paths = {
        seed: path_of(tmp_path, contest.dataset, first.name, "chance", seed) for seed in (7, 8)
    }
    for seed, path in paths.items():
        save(path, drawn(contest, 0, seed, pairs=True), "width=4" if seed == 8 else "")
    if age == "older code":
        save(paths[8], drawn(contest, 0, 8, pairs=True))
        os.utime(paths[8], (1, 1))
    elif age == "broken":
        paths[8].write_bytes(paths[8].read_bytes()[:100])
    part = standings(contest, tmp_path, answered(chance=(7, 8)), draws=10)
    assert part.seeds == {"chance": (7,)}
    assert part.ignored == (paths[8],)


def test_a_slice_is_averaged_over_the_periods_in_which_it_has_anybody(
    contest: Contest, folder: Path
) -> None:
    """Here items that nobody had bought before are wanted in the last period alone."""
    name, last = "unsold_items", contest.periods[-1]
    every = np.ones(len(last.catalogue.item_keys), dtype=np.bool_)
    there = replace(last.slices, items={**last.slices.items, name: every})
    of = replace(contest, periods=(*contest.periods[:-1], replace(last, slices=there)))
    part = standings(of, folder, MADE_UP, draws=50)
    measure = NDCG._replace(slice=name)
    assert np.isnan(part.get("plain", measure, of.periods[0].name).value)
    assert part.get("plain", measure).value == part.get("plain", measure, last.name).value
    assert part.get("plain", measure).value == part.get("plain", NDCG, last.name).value
