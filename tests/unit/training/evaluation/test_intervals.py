import numpy as np
import pytest

from training.evaluation.intervals import CELLS, Interval, from_draws, mean_intervals


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, 2000)
    found = mean_intervals({"x": values}, seed=7)["x"]
    error = values.std() / np.sqrt(len(values))
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.3 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.3 * error)


def test_a_paired_difference_is_narrower_than_the_figures_it_is_of() -> None:
    draw = np.random.default_rng(2)
    one = draw.normal(0.0, 1.0, 500)
    other = one + draw.normal(0.1, 0.05, 500)
    found = mean_intervals({"one": one, "gap": other - one}, seed=7)
    assert found["gap"].low > 0
    width = {name: i.high - i.low for name, i in found.items()}
    assert width["gap"] < 0.1 * width["one"]


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    values = {"x": np.random.default_rng(3).random(50)}
    assert mean_intervals(values, 1) == mean_intervals(values, 1)
    assert mean_intervals(values, 1) != mean_intervals(values, 2)


def test_one_user_has_an_interval_without_width() -> None:
    assert mean_intervals({"x": np.array([0.25])}, 7)["x"] == Interval(0.25, 0.25, 0.25)


def test_many_users_are_drawn_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(4).random(400)
    whole = mean_intervals({"x": values}, 7)["x"]
    monkeypatch.setattr("training.evaluation.intervals.CELLS", CELLS // 1000)
    parts = mean_intervals({"x": values}, 7)["x"]
    assert parts.low == pytest.approx(whole.low, abs=0.01)
    assert parts.value == whole.value


def test_draws_in_which_the_figure_is_not_defined_are_left_out() -> None:
    assert from_draws(1.0, np.array([1.0, np.nan, 1.0])) == Interval(1.0, 1.0, 1.0)
    assert from_draws(1.0, np.array([np.nan])) == Interval(1.0)
