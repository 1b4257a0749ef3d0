"""The figures of pairs against torchmetrics, slow references, and people who are really repeated."""

import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from training.evaluation.classification import Pairs
from training.evaluation.intervals import user_weights
from training.evaluation.pair_figures import (
    ECE_BINS,
    NAMES,
    ordered,
    pair_figures,
    user_auc,
)

USERS = 40


def drawn(seed: int, each: int = 60) -> Pairs:
    draw = np.random.default_rng(seed)
    user = np.repeat(np.arange(USERS), each)
    probability = draw.beta(0.6, 3, len(user)).round(3).astype(np.float32)
    return Pairs(user, probability, draw.random(len(user)) < probability)


def ece(pairs: Pairs) -> float:
    return pair_figures(pairs, None, np.ones((1, 1)))["ece"].value


def slow_ece(pairs: Pairs) -> float:
    """Pairs in the order of their probability, dealt into bins; equals go where the first of them goes."""
    p, y = pairs.probability.astype(np.float64), pairs.bought
    bins: dict[int, list[int]] = {}
    for i in range(len(p)):
        bins.setdefault(int((p < p[i]).sum()) * ECE_BINS // len(p), []).append(i)
    return sum(abs(p[m].sum() - y[m].sum()) for m in bins.values()) / len(p)


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_torchmetrics_and_the_slow_reference(seed: int) -> None:
    pairs = drawn(seed)
    found = pair_figures(pairs, 0.3, user_weights(USERS, 1, 20))
    probability, bought = torch.from_numpy(pairs.probability), torch.from_numpy(pairs.bought).long()
    assert tuple(found) == NAMES
    assert found["auc"].value == pytest.approx(float(binary_auroc(probability, bought)), abs=1e-6)
    average = float(binary_average_precision(probability, bought))
    assert found["average_precision"].value == pytest.approx(average, abs=1e-6)
    assert found["ece"].value == pytest.approx(slow_ece(pairs))
    p = pairs.probability.astype(np.float64).clip(1e-7, 1 - 1e-7)
    loss = np.where(pairs.bought, -np.log(p), -np.log(1 - p)).mean()
    assert found["log_loss"].value == pytest.approx(loss)
    assert found["bought"].value == pytest.approx(pairs.bought.mean())


def test_calibration_by_hand() -> None:
    """30 pairs, 2 a bin: each bin's mean probability less the share bought."""
    probability = (np.arange(30) / 30).astype(np.float32)
    bought = np.zeros(30, np.bool_)
    bought[28:] = True
    gaps = [abs(2 * b + 0.5) / 30 for b in range(14)] + [abs(28.5 / 30 - 1)]
    found = ece(Pairs(np.zeros(30, np.int64), probability, bought))
    assert found == pytest.approx(np.mean(gaps), abs=1e-6)


def test_one_probability_for_all_is_one_bin() -> None:
    pairs = Pairs(np.zeros(40, np.int64), np.full(40, 0.25, np.float32), np.arange(40) < 10)
    assert ece(pairs) == pytest.approx(0.0)


def test_a_draw_is_what_repeated_people_give() -> None:
    pairs = drawn(5)
    weights = user_weights(USERS, 2, 5)
    found = pair_figures(pairs, 0.3, weights)
    for draw, by_user in enumerate(weights):
        times = by_user[pairs.user].astype(int)
        again = Pairs(
            np.repeat(pairs.user, times),
            np.repeat(pairs.probability, times),
            np.repeat(pairs.bought, times),
        )
        expected = pair_figures(again, 0.3, np.ones((1, USERS)))
        for name in ("log_loss", "bought", "accuracy", "precision", "recall", "f1"):
            assert found[name].draws[draw] == pytest.approx(expected[name].value), name
        for name in ("auc", "average_precision"):
            assert found[name].draws[draw] == pytest.approx(expected[name].value, abs=5e-3), name


def test_each_users_own_area_is_that_of_torchmetrics() -> None:
    pairs = drawn(8, each=12)
    found = user_auc(ordered(pairs), USERS)
    for user in range(USERS):
        mine = pairs.user == user
        bought = torch.from_numpy(pairs.bought[mine]).long()
        if 0 < int(bought.sum()) < len(bought):
            expected = float(binary_auroc(torch.from_numpy(pairs.probability[mine]), bought))
            assert found[user] == pytest.approx(expected, abs=1e-6)
        else:
            assert math.isnan(found[user])
    assert np.isnan(user_auc(ordered(pairs), USERS + 3)[USERS:]).all()


def test_each_user_may_have_a_threshold() -> None:
    pairs, weights = drawn(6), user_weights(USERS, 1, 4)
    one, each = (pair_figures(pairs, of, weights) for of in (0.3, np.full(USERS, 0.3)))
    assert [each[name].value for name in NAMES] == [one[name].value for name in NAMES]
    odd = np.where(np.arange(USERS) % 2, 0.3, 2.0)  # nothing of the even ones is taken
    taken = (pairs.probability >= 0.3) & (pairs.user % 2 == 1)
    recall = (taken & pairs.bought).sum() / pairs.bought.sum()
    assert pair_figures(pairs, odd, weights)["recall"].value == pytest.approx(recall)


def test_without_a_threshold_nothing_that_needs_one_is_told() -> None:
    found = pair_figures(drawn(1), None, user_weights(USERS, 1, 4))
    assert "auc" in found
    assert not {"accuracy", "precision", "recall", "f1"} & set(found)


def test_pairs_of_one_kind_are_refused() -> None:
    pairs = Pairs(np.zeros(3, np.int64), np.full(3, 0.5, np.float32), np.zeros(3, np.bool_))
    with pytest.raises(ValueError, match="one kind"):
        pair_figures(pairs, None, np.ones((1, 1)))
