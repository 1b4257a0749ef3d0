from datetime import datetime

import polars as pl

from tests.unit.training.peers.conftest import Bought
from tests.unit.training.peers.test_popularity import slow
from training.peers import popularity
from training.peers.personal_decay import PersonalDecay, rank
from training.peers.popularity import Popularity

USERS = pl.Series([3, 99, 1])  # 99 is unknown


def test_the_users_own_by_a_decayed_count_come_before_what_is_popular(
    bought: Bought, cutoff: datetime
) -> None:
    # User 1: item 7 twice long ago, 2 * 0.25 = 0.5; item 8 once, 2 ** (-1 / 91), nearly 1.
    history = bought([(1, 7, 1, 182), (1, 7, 2, 182), (1, 8, 3, 1), (2, 9, 4, 2), (2, 5, 5, 40)])
    found = rank(history, cutoff, pl.Series([1, 99]), 5, PersonalDecay(), seed=0)
    assert found.any.tolist() == [[8, 7, 9, 5, -1], [8, 9, 5, 7, -1]]
    assert found.new.tolist() == [[9, 5, -1, -1, -1], [8, 9, 5, 7, -1]]


def test_a_page_shorter_than_the_history_holds_the_best_of_it(
    bought: Bought, cutoff: datetime
) -> None:
    history = bought([(1, item, item, item) for item in range(1, 9)])
    found = rank(history, cutoff, pl.Series([1]), 3, PersonalDecay(), seed=0)
    assert found.any.tolist() == [[1, 2, 3]]
    assert found.new.tolist() == [[-1, -1, -1]]


def test_it_is_the_slow_reference(shop: pl.DataFrame, cutoff: datetime) -> None:
    best = slow(shop, cutoff, 28)
    found = rank(shop, cutoff, USERS, 20, PersonalDecay(), seed=0)
    for user, page in zip(USERS, found.any.tolist(), strict=True):
        own = slow(shop.filter(user_id=user), cutoff, 91)
        assert page == (own + [key for key in best if key not in own])[:20]


def test_what_is_new_is_popularity(shop: pl.DataFrame, cutoff: datetime) -> None:
    mine = rank(shop, cutoff, USERS, 10, PersonalDecay(), seed=0)
    popular = popularity.rank(shop, cutoff, USERS, 10, Popularity(), seed=0)
    assert mine.new.tolist() == popular.new.tolist()
