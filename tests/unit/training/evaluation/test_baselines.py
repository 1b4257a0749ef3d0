"""Both baselines against slow references."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from training.evaluation.baselines import Known, known, personal_decay, popularity
from training.evaluation.held_out import histories

COUNT = 8
Baseline = Callable[..., np.ndarray]


def scores(
    history: pl.DataFrame, cutoff: datetime, half_life: float, user: int | None
) -> list[int]:
    found: dict[int, float] = defaultdict(float)
    for row in history.to_dicts():
        if user in (None, row["user_id"]):
            age = (cutoff - row["time"]).total_seconds() / 86400
            found[row["item_key"]] += 0.5 ** (age / half_life)
    return sorted(found, key=lambda item: (-found[item], item))


@pytest.fixture
def history(purchases: pl.DataFrame, cutoff: datetime) -> pl.DataFrame:
    return histories(purchases, cutoff)


@pytest.fixture
def at(history: pl.DataFrame, cutoff: datetime) -> Known:
    return known(history, cutoff)


USERS = pl.Series([3, 99, 1])  # 99 is unknown


def expected(
    history: pl.DataFrame, cutoff: datetime, *, personal: bool, new: bool
) -> list[list[int]]:
    best = scores(history, cutoff, 28, None)
    found = []
    for user in USERS:
        own = scores(history, cutoff, 91, user)
        if new:
            page = [i for i in best if i not in own]
        elif personal:
            page = own + [i for i in best if i not in own]
        else:
            page = best
        found.append((page + [-1] * COUNT)[:COUNT])
    return found


@pytest.mark.parametrize("new", [False, True])
def test_popularity_is_that_of_the_slow_reference(
    history: pl.DataFrame, at: Known, cutoff: datetime, *, new: bool
) -> None:
    found = popularity(at, USERS, exclude_purchased=new, count=COUNT)
    assert found.tolist() == expected(history, cutoff, personal=False, new=new)


@pytest.mark.parametrize("new", [False, True])
def test_personal_decay_is_that_of_the_slow_reference(
    history: pl.DataFrame, at: Known, cutoff: datetime, *, new: bool
) -> None:
    found = personal_decay(at, USERS, exclude_purchased=new, count=COUNT)
    assert found.tolist() == expected(history, cutoff, personal=True, new=new)


@pytest.mark.parametrize("baseline", [popularity, personal_decay])
@pytest.mark.parametrize("new", [False, True])
def test_a_catalogue_smaller_than_the_page_leaves_places_empty(
    baseline: Baseline, *, new: bool
) -> None:
    at = Known(np.array([4, 2]), pl.DataFrame({"user_id": [1], "item_key": [[2]]}))
    found = baseline(at, pl.Series([1, 5]), exclude_purchased=new, count=4).tolist()
    for row, user in zip(found, (1, 5), strict=True):
        kept = [k for k in row if k >= 0]
        assert sorted(kept) == ([4] if new and user == 1 else [2, 4])
        assert row[len(kept) :] == [-1] * (4 - len(kept))


def test_ties_go_to_the_smaller_key(cutoff: datetime) -> None:
    history = pl.DataFrame(
        {"user_id": [1, 1, 1], "item_key": [9, 4, 6], "group": [1, 1, 1], "time": [cutoff] * 3}
    )
    page = personal_decay(known(history, cutoff), pl.Series([1]), exclude_purchased=False, count=3)
    assert page.tolist() == [[4, 6, 9]]
