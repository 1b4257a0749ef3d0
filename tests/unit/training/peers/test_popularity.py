from collections import defaultdict
from datetime import datetime

import polars as pl
import pytest

from tests.unit.training.peers.conftest import Bought
from training.peers.popularity import Popularity, rank

USERS = pl.Series([3, 99, 1])  # 99 is unknown


def slow(history: pl.DataFrame, cutoff: datetime, half_life: float) -> list[int]:
    found: dict[int, float] = defaultdict(float)
    for row in history.to_dicts():
        age = (cutoff - row["time"]).total_seconds() / 86400
        found[row["item_key"]] += 0.5 ** (age / half_life)
    return sorted(found, key=lambda item: (-found[item], item))


def test_a_purchase_counts_half_after_the_half_life(bought: Bought, cutoff: datetime) -> None:
    # Item 7: 0.5 + 0.5 = 1. Item 8: 0.25 * 3 = 0.75. Item 9: 2 ** (-1 / 28), nearly 1.
    history = bought(
        [(1, 7, 1, 28), (2, 7, 2, 28), (1, 8, 3, 56), (2, 8, 4, 56), (3, 8, 5, 56), (3, 9, 6, 1)]
    )
    found = rank(history, cutoff, USERS, 4, Popularity(), seed=0)
    assert found.any.tolist() == [[7, 9, 8, -1]] * 3
    assert found.new.tolist() == [[7, -1, -1, -1], [7, 9, 8, -1], [9, -1, -1, -1]]


@pytest.mark.parametrize("half_life", [7.0, 28.0])
def test_it_is_the_slow_reference(shop: pl.DataFrame, cutoff: datetime, half_life: float) -> None:
    best = slow(shop, cutoff, half_life)
    found = rank(shop, cutoff, USERS, 10, Popularity(half_life), seed=0)
    assert found.any.tolist() == [best[:10]] * 3
    for user, page in zip(USERS, found.new.tolist(), strict=True):
        own = set(shop.filter(user_id=user)["item_key"])
        assert page == [key for key in best if key not in own][:10]


def test_ties_go_to_the_smaller_key(bought: Bought, cutoff: datetime) -> None:
    history = bought([(1, 9, 1, 2), (1, 4, 1, 2), (1, 6, 1, 2)])
    assert rank(history, cutoff, USERS, 3, Popularity(), seed=0).any.tolist() == [[4, 6, 9]] * 3
