"""The fusion's weights and the counted member against plain computations, and the whole entrant."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from tests.unit.training.leaderboard.test_next_item import ITEMS, walks
from training.leaderboard.answers import problems
from training.leaderboard.leave_one_out import leave_one_out
from training.leaderboard.next_entrants import ENTRANTS
from training.leaderboard.next_fused import MEMBERS, Shop, taught
from training.leaderboard.next_item import Histories
from training.leaderboard.next_nearby import Nearby, nearby, pairs
from training.leaderboard.next_weights import RIDGE, learned_weights, weighed
from training.leaderboard.question import question

BY = Nearby(reach=20, nearer=0.9, newer=0.8, usual=20.0)


def drawn_scores() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    draw = np.random.default_rng(2)
    scores = draw.normal(size=(3, 400, 8))
    utility = 1.5 * scores[0] - 0.7 * scores[1] + draw.gumbel(size=(400, 8))
    taken = utility[:, 1:].argmax(axis=1) + 1
    scores[:, :, 0] = -np.inf
    return scores, taken


def test_the_weights_are_those_of_a_general_minimiser() -> None:
    scores, taken = drawn_scores()

    def loss(weights: NDArray[np.float64]) -> float:
        utility = np.tensordot(weights, scores[:, :, 1:], axes=1)
        likely = utility[np.arange(400), taken - 1] - np.log(np.exp(utility).sum(axis=1))
        return float(-likely.mean() + RIDGE / 2 * weights @ weights)

    found = learned_weights(scores, taken)
    assert np.allclose(found, minimize(loss, np.zeros(3), tol=1e-10).x, atol=1e-4)
    assert np.allclose(found, [1.5, -0.7, 0.0], atol=0.3)


def test_weighed_scores_are_sums_and_what_is_barred_stays_so() -> None:
    scores, _ = drawn_scores()
    found = weighed(scores, np.array([1.0, 0.0, -2.0]))
    assert np.allclose(found[:, 1:], scores[0, :, 1:] - 2.0 * scores[2, :, 1:])
    assert np.isneginf(found[:, 0]).all()


def test_pairs_count_by_how_near_they_stand_in_a_history() -> None:
    of = walks([1, 2, 5, 9])
    expected = np.zeros((ITEMS, ITEMS))
    for start, end in zip(of.offsets[:-1], of.offsets[1:], strict=True):
        for one in range(start, end):
            for other in range(start, end):
                if one != other:
                    distance = abs(one - other)
                    expected[of.items[one], of.items[other]] += BY.nearer ** (distance - 1)
    assert np.allclose(pairs(of, BY), expected)


def test_the_newest_items_say_most_of_what_is_near() -> None:
    of = Histories(np.array([0, 1, 2, 0]), np.arange(4), np.array([0, 2, 4]), 3)
    found = np.exp(nearby(of, BY))
    share = np.array([2, 1, 1]) / 4
    of_item = {
        0: (np.array([0, 1, 1]) + BY.usual * share) / (2 + BY.usual),
        1: (np.array([1, 0, 0]) + BY.usual * share) / (1 + BY.usual),
    }
    assert np.allclose(found[0], (of_item[1] + BY.newer * of_item[0]) / (1 + BY.newer), atol=1e-5)


def test_all_members_together_learn_a_cycle_and_the_same_seed_gives_the_same() -> None:
    known, last = walks([4 + n % 5 for n in range(80)]).without_last()
    nothing = np.zeros((ITEMS, 0), dtype=np.int64)
    shop = Shop(np.arange(ITEMS), nothing, np.full((ITEMS, 1), 3.0, dtype=np.float32))
    of = taught(known, shop, 7)
    found = of.fused()
    assert (found.argmax(axis=1) == last).mean() > 0.8
    assert np.array_equal(found, taught(known, shop, 7).fused())
    for place, name in enumerate(MEMBERS):
        alone = of.fused([name])
        order = np.argsort(-of.now[place], axis=1, kind="stable")
        assert np.array_equal(np.argsort(-alone, axis=1, kind="stable"), order), name


def test_every_entrant_gives_pages_that_can_be_judged(state: Path) -> None:
    contest = leave_one_out(state)
    asked = question(contest, contest.periods[0])
    for name in ("popularity", "item_knn", "ease", "als", "bpr", "fused"):
        answers = ENTRANTS[name].answer(asked, 7)
        assert not problems(answers)
        taken = set(asked.purchases.select("user_id", "item_key").iter_rows())
        for user, page in zip(asked.user_ids, answers.new.tolist(), strict=True):
            assert not {(user, item) for item in page} & taken
