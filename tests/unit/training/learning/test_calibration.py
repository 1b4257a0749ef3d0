import numpy as np
import pytest

from training.learning.calibration import platt


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
