"""Slices against plain loops over the purchases."""

from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.unit.training.leaderboard.conftest import history_of
from training.leaderboard.contests import Contest
from training.leaderboard.slices import COLD, MEANING, SHARE, WINDOW, slices
from training.prepare.contract import open_data_set

LAST = 2


def test_every_slice_is_explained(contest: Contest) -> None:
    found = contest.periods[LAST].slices
    assert {*found.users, *found.items} == set(MEANING)


def test_new_users_have_the_fewest_baskets_and_heavy_ones_the_most_purchases(
    contest: Contest,
) -> None:
    period = contest.periods[LAST]
    baskets, bought = defaultdict(set), Counter()
    for row in history_of(contest, LAST):
        baskets[row["user_id"]].add(row["group"])
        bought[row["user_id"]] += row["time"] >= period.cutoff - WINDOW
    users = period.user_ids.to_list()
    size = round(SHARE * len(users))
    new = [u for u, there in zip(users, period.slices.users["new_users"], strict=True) if there]
    heavy = [u for u, there in zip(users, period.slices.users["heavy_users"], strict=True) if there]
    assert len(new) == len(heavy) == size
    assert sorted(len(baskets[u]) for u in new) == sorted(len(baskets[u]) for u in users)[:size]
    assert sorted(bought[u] for u in heavy) == sorted(bought[u] for u in users)[-size:]


def test_people_with_an_unknown_attribute_are_found(contest: Contest) -> None:
    """The shop's ages are young, old and unknown in turn."""
    period = contest.periods[LAST]
    expected = [user % 3 == 2 for user in period.user_ids.to_list()]
    assert period.slices.users["no_profile"].tolist() == expected


def test_tail_items_are_all_but_the_best_selling_tenth(contest: Contest) -> None:
    period = contest.periods[LAST]
    since = period.cutoff - WINDOW
    sold = Counter(r["item_key"] for r in history_of(contest, LAST) if r["time"] >= since)
    keys = period.catalogue.item_keys.tolist()
    tail = period.slices.items["tail_items"]
    best = [k for k, there in zip(keys, tail, strict=True) if not there]
    assert len(best) == round(SHARE * len(keys))
    assert min(sold[k] for k in best) >= max(
        sold[k] for k, there in zip(keys, tail, strict=True) if there
    )


def test_cold_items_were_first_sold_lately_and_unsold_ones_never(state: Path) -> None:
    data = open_data_set(state / "dataset")
    now = data.default_now
    times = [now - timedelta(days=d) for d in (100, 27, 29)]
    history = pl.DataFrame(
        {"user_id": [1, 1, 1], "item_key": [1, 2, 3], "group": [1, 2, 3], "time": times}
    )
    found = slices(history, now, pl.Series([1]), np.array([1, 2, 3, 4]), data)
    assert found.items["cold_items"].tolist() == [False, True, False, True]
    assert found.items["unsold_items"].tolist() == [False, False, False, True]


@pytest.mark.parametrize("name", ["new_users", "heavy_users"])
def test_one_person_is_a_slice(state: Path, name: str) -> None:
    data = open_data_set(state / "dataset")
    history = pl.DataFrame(
        {"user_id": [1], "item_key": [1], "group": [1], "time": [data.default_now - COLD]}
    )
    found = slices(history, data.default_now, pl.Series([1]), np.array([1]), data)
    assert found.users[name].sum() <= 1
