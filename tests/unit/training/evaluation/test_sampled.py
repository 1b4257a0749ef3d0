"""Paired figures against explicit draws."""

import numpy as np
import pytest

from training.evaluation.intervals import user_weights
from training.evaluation.sampled import average, constant, difference, means, ratio

USERS = 300


def test_a_draw_is_the_mean_of_the_people_drawn() -> None:
    values = np.random.default_rng(1).random((USERS, 2))
    values[5:20, 1] = np.nan
    weights = user_weights(USERS, 3, 50)
    found = means(values, weights)
    for draw, times in enumerate(weights.astype(int)):
        again = np.repeat(values, times, axis=0)
        assert found[0].draws[draw] == pytest.approx(again[:, 0].mean())
        assert found[1].draws[draw] == pytest.approx(np.nanmean(again[:, 1]))
    assert found[1].value == pytest.approx(np.nanmean(values[:, 1]))


def test_a_ratio_is_that_of_the_means_over_the_same_draws() -> None:
    draw = np.random.default_rng(2)
    one = draw.random(USERS)
    both = np.stack([one * 1.1, one], axis=1)
    better, plain = means(both, user_weights(USERS, 4, 200))
    found = ratio(better, plain).interval
    assert found.value == pytest.approx(1.1)
    assert found.low == pytest.approx(1.1)
    assert found.high == pytest.approx(1.1)
    apart = difference(better, plain).interval
    assert apart.low > 0


def test_a_gain_by_chance_alone_has_an_interval_around_1() -> None:
    draw = np.random.default_rng(6)
    values = draw.random((USERS, 2))
    found = ratio(*means(values, user_weights(USERS, 5, 500))).interval
    assert found.low < 1 < found.high


def test_the_interval_of_a_ratio_is_about_that_of_the_delta_method() -> None:
    draw = np.random.default_rng(9)
    base = draw.normal(5, 1, 2000)
    values = np.stack([base * 1.2 + draw.normal(0, 0.5, 2000), base], axis=1)
    found = ratio(*means(values, user_weights(2000, 5, 1000))).interval
    apart = values[:, 0] - found.value * values[:, 1]
    error = apart.std() / np.sqrt(2000) / values[:, 1].mean()
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(3).random((USERS, 1))
    one, same, other = (means(values, user_weights(USERS, s, 100))[0] for s in (1, 1, 2))
    assert one.interval == same.interval != other.interval


def test_seeds_count_alike() -> None:
    values = np.array([[0.0, 1.0], [1.0, 1.0]])
    whole = average(means(values, user_weights(2, 1, 10)))
    assert whole.value == pytest.approx(0.75)


def test_a_ratio_to_nothing_is_no_figure() -> None:
    zero, one = means(np.array([[0.0, 1.0]]), np.ones((3, 1)))
    found = ratio(one, zero)
    assert np.isnan(found.value)
    assert found.interval.low is None


def test_a_constant_has_no_interval() -> None:
    assert constant(3.0).interval.low is None
    assert average([constant(1.0), constant(2.0)]).interval.value == 1.5
