import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from training.learning.calibration import log_loss, logistic, platt


def test_the_slope_and_offset_that_drew_the_outcomes_are_found() -> None:
    draw = np.random.default_rng(1)
    logits = draw.normal(-1, 2, 200_000)
    happened = draw.random(len(logits)) < 1 / (1 + np.exp(-(0.7 * logits - 1.2)))
    slope, offset = platt(logits, happened.astype(np.float64), 0.0)
    assert slope == pytest.approx(0.7, abs=0.02)
    assert offset == pytest.approx(-1.2, abs=0.02)


def test_the_mean_probability_becomes_the_rate() -> None:
    draw = np.random.default_rng(2)
    logits = draw.normal(3, 1, 5000)
    happened = (draw.random(5000) < 0.05).astype(np.float64)
    slope, offset = platt(logits, happened, 0.0)
    assert (1 / (1 + np.exp(-(slope * logits + offset)))).mean() == pytest.approx(happened.mean())


def test_one_outcome_alone_teaches_nothing() -> None:
    assert platt(np.array([1.0, 2.0]), np.zeros(2), -0.5) == (1.0, -0.5)


@pytest.mark.parametrize("rate", [0.5, 0.05, 0.002])
@pytest.mark.parametrize("columns", [1, 4])
def test_weights_are_those_of_a_librarys_regression_without_a_penalty(
    rate: float, columns: int
) -> None:
    draw = np.random.default_rng(columns)
    inputs = draw.normal(0, 2, (20_000, columns)) @ draw.normal(0, 1, (columns, columns))
    logits = inputs @ draw.uniform(0.1, 0.8, columns)
    logits += np.log(rate / (1 - rate))
    happened = (draw.random(len(logits)) < 1 / (1 + np.exp(-logits))).astype(np.float64)
    weights, offset = logistic(inputs, happened)
    library = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(inputs, happened)
    assert weights == pytest.approx(library.coef_[0].tolist(), rel=1e-3, abs=1e-4)
    assert offset == pytest.approx(float(library.intercept_[0]), rel=1e-3)


def test_outcomes_that_a_line_tells_apart_give_finite_weights() -> None:
    logits = np.linspace(-3, 3, 50)
    weights, offset = logistic(logits[:, None], (logits > 0.3).astype(np.float64))
    assert np.isfinite([*weights, offset]).all()
    assert weights[0] > 10


def test_log_loss_is_that_of_a_loop() -> None:
    logits, happened = np.array([-2.0, 0.0, 800.0]), np.array([0.0, 1.0, 1.0])
    expected = np.mean([np.log(1 + np.exp(-2.0)), np.log(2), 0.0])
    assert log_loss(logits, happened) == pytest.approx(expected)
