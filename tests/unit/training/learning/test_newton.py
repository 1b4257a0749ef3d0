import numpy as np
import pytest

from training.learning.newton import minimised


def test_a_parabola_s_lowest_point_is_found_in_a_step() -> None:
    lowest, steps = np.array([3.0, -2.0]), []

    def step(at: np.ndarray) -> np.ndarray:
        steps.append(at)
        return at - lowest

    found = minimised(np.zeros(2), lambda at: float(((at - lowest) ** 2).sum()), step)
    assert found == pytest.approx(lowest)
    assert len(steps) == 2  # the second finds nothing left to do


def test_a_step_that_overshoots_is_halved_until_it_helps() -> None:
    """Newton's own step from 3 on the square root of 1 + x^2 is 30, and leads away."""
    found = minimised(
        np.array([3.0]),
        lambda at: float(np.sqrt(1 + at[0] ** 2)),
        lambda at: at * (1 + at**2),
    )
    assert found == pytest.approx([0.0], abs=1e-8)


def test_where_no_step_helps_the_start_is_kept() -> None:
    start = np.array([1.0, 2.0])
    assert minimised(start, lambda at: float(-at @ start), lambda _: start) is start
