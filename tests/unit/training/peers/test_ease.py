from datetime import datetime

import numpy as np
import polars as pl
import pytest

from tests.unit.training.peers.conftest import Bought
from training.peers.ease import Ease, rank, restored


@pytest.mark.parametrize(("users", "items"), [(40, 25), (25, 40), (30, 30)])
def test_it_is_the_closed_form(users: int, items: int) -> None:
    draw = np.random.default_rng(users)
    bought = (draw.random((users, items)) < 0.3) * draw.random((users, items))
    inverse = np.linalg.inv(bought.T @ bought + 2.5 * np.eye(items))
    between = np.eye(items) - inverse / np.diag(inverse)
    assert np.diag(between) == pytest.approx(0, abs=1e-12)
    found = restored(bought.astype(np.float32), 2.5)
    assert found == pytest.approx(bought @ between, abs=1e-4)


def test_what_goes_with_the_users_items_is_recommended(bought: Bought, cutoff: datetime) -> None:
    rows = [(user, item, user, 3) for user in range(1, 6) for item in (1, 2)]
    rows += [(user, item, user, 3) for user in range(6, 12) for item in (3, 4)]
    history = bought([*rows, (20, 1, 20, 3)])
    found = rank(history, cutoff, pl.Series([20]), 1, Ease(regularization=1), seed=0)
    assert found.new.tolist() == [[2]]


def test_power_0_forgets_how_often_and_when(bought: Bought, cutoff: datetime) -> None:
    once = [(u, i, u, 5) for u in range(1, 9) for i in range(u, u + 3)]
    often = [(u, i, 50 + u, 80) for u, i, _, _ in once[::2]]
    users = pl.Series(range(1, 9))
    plain = Ease(power=0, regularization=2)
    page = rank(bought(once), cutoff, users, 3, plain, seed=0)
    assert page.any.tolist() == rank(bought(once + often), cutoff, users, 3, plain, 0).any.tolist()
