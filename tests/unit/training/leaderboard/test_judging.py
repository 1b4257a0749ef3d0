"""Every figure of an entrant against plain loops over its pages."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.unit.training.leaderboard.conftest import drawn, targets_of
from training.errors import AnswersError
from training.evaluation.metrics import judge
from training.leaderboard.contests import Contest
from training.leaderboard.judging import Measure, hits, pairs, shown, values
from training.ragged import Ragged

LAST = 2
PAGE = {"any": "any", "new": "new", "basket": "any"}


@pytest.mark.parametrize("task", ["any", "new", "basket"])
def test_recall_is_that_of_a_plain_loop(contest: Contest, task: str) -> None:
    answers = drawn(contest, LAST, 3, pairs=False)
    found = values(answers, contest.periods[LAST], contest)[Measure(task, "recall@10")]
    wanted = targets_of(contest, LAST, task)
    pages = getattr(answers, PAGE[task]).tolist()
    for user, page, value in zip(answers.user_ids.to_list(), pages, found, strict=True):
        if user in wanted:
            assert value == pytest.approx(len(wanted[user] & set(page[:10])) / len(wanted[user]))
        else:
            assert np.isnan(value)


def test_an_item_slice_judges_by_its_targets_alone(contest: Contest) -> None:
    period = contest.periods[LAST]
    answers = drawn(contest, LAST, 4, pairs=False)
    found = values(answers, period, contest)[Measure("any", "recall@10", "tail_items")]
    tail = set(period.catalogue.item_keys[period.slices.items["tail_items"]].tolist())
    wanted = targets_of(contest, LAST, "any")
    for user, page, value in zip(
        answers.user_ids.to_list(), answers.any.tolist(), found, strict=True
    ):
        mine = wanted[user] & tail
        if mine:
            assert value == pytest.approx(len(mine & set(page[:10])) / len(mine))
        else:
            assert np.isnan(value)


def test_a_user_slice_holds_its_users_alone(contest: Contest) -> None:
    period = contest.periods[LAST]
    found = values(drawn(contest, LAST, 4, pairs=False), period, contest)
    whole = found[Measure("any", "ndcg@10")]
    part = found[Measure("any", "ndcg@10", "no_profile")]
    inside = period.slices.users["no_profile"]
    np.testing.assert_array_equal(part[inside], whole[inside])
    assert np.isnan(part[~inside]).all()


def test_candidate_recall_goes_as_deep_as_the_page(contest: Contest) -> None:
    found = values(drawn(contest, LAST, 4, pairs=False), contest.periods[LAST], contest)
    assert Measure("any", "candidate_recall@50") in found
    assert Measure("any", "candidate_recall@100") not in found
    assert Measure("basket", "candidate_recall@50") not in found


def test_the_order_of_the_answers_people_does_not_matter(contest: Contest) -> None:
    answers = drawn(contest, LAST, 5, pairs=True)
    order = np.random.default_rng(1).permutation(len(answers.user_ids))
    back = np.argsort(order)
    mixed = replace(
        answers,
        user_ids=answers.user_ids.gather(order),
        any=answers.any[order],
        new=answers.new[order],
        pair_user=back[answers.pair_user],
    )
    period = contest.periods[LAST]
    one, other = values(answers, period, contest), values(mixed, period, contest)
    for measure, found in one.items():
        np.testing.assert_array_equal(found, other[measure])
    same, again = pairs(answers, period, contest), pairs(mixed, period, contest)
    np.testing.assert_array_equal(same.user, again.user)
    np.testing.assert_array_equal(same.bought, again.bought)


def test_a_pair_is_bought_if_it_is_a_target(contest: Contest) -> None:
    answers = drawn(contest, LAST, 6, pairs=True)
    found = pairs(answers, contest.periods[LAST], contest)
    wanted = targets_of(contest, LAST, "any")
    everybody = contest.user_ids.to_list()
    for user, item, bought in zip(found.user, answers.pair_item, found.bought, strict=True):
        assert bought == (int(item) in wanted[everybody[user]])


def test_somebody_without_a_page_is_missed(contest: Contest) -> None:
    answers = drawn(contest, LAST, 7, pairs=False)
    short = replace(
        answers, user_ids=answers.user_ids[1:], any=answers.any[1:], new=answers.new[1:]
    )
    with pytest.raises(AnswersError, match=r"1 of \d+ people who are asked for have no page"):
        values(short, contest.periods[LAST], contest)
    texts = replace(answers, user_ids=answers.user_ids.cast(pl.String))
    with pytest.raises(AnswersError, match="user_ids are String, not Int64"):
        values(texts, contest.periods[LAST], contest)


def test_coverage_is_of_the_catalogue(contest: Contest) -> None:
    answers = drawn(contest, LAST, 8, pairs=False)
    found = shown(answers, contest.periods[LAST], contest)[Measure("any", "coverage@10")]
    items = len(contest.periods[LAST].catalogue.item_keys)
    assert found == pytest.approx(len(set(answers.any[:, :10].ravel().tolist())) / items)


def test_hits_are_those_of_judge_in_whatever_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(2)
    places = np.stack([draw.permutation(50)[:20] for _ in range(30)])
    places[3:6, 10:] = -1
    lengths = draw.integers(1, 9, 30)
    wanted = np.concatenate([draw.permutation(50)[:n] for n in lengths])
    targets = Ragged(wanted, np.concatenate([[0], np.cumsum(lengths)]), -1)
    expected = judge(places, targets).hits
    np.testing.assert_array_equal(hits(places, targets, 50), expected)
    monkeypatch.setattr("training.leaderboard.judging.CELLS", 51 * 7)
    np.testing.assert_array_equal(hits(places, targets, 50), expected)


def test_no_file_is_needed_to_judge(contest: Contest, tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == []
    assert values(drawn(contest, 0, 1, pairs=False), contest.periods[0], contest)
