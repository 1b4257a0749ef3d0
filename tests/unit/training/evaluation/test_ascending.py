import numpy as np
import pytest

from training.evaluation.ascending import ascending


@pytest.mark.parametrize("seed", range(4))
def test_the_order_is_that_of_a_stable_argsort(seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = draw.normal(0, 10, 5000).astype(np.float32)
    values[::3] = values[::3].round()
    values[:4] = [np.inf, -np.inf, 1e-42, -1e-42]
    values[values == 0] = 0.0
    np.testing.assert_array_equal(ascending(values), np.argsort(values, kind="stable"))


def test_nothing_has_no_order() -> None:
    assert len(ascending(np.zeros(0, np.float32))) == 0


def test_other_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="3 values of float64"):
        ascending(np.zeros(3))
