"""What every peer promises."""

from dataclasses import fields, replace
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from training.peers import popularity
from training.peers.pages import Pages
from training.peers.table import PEERS

SMALL = {"factors": 4, "iterations": 5, "dimension": 8, "units": 8, "epochs": 1, "length": 8}
USERS = pl.Series([3, 999, 8])  # 999 is unknown


def answer(name: str, shop: pl.DataFrame, cutoff: datetime, count: int = 12) -> Pages:
    peer = PEERS[name]
    names = {field.name for field in fields(peer.defaults)}
    small = replace(peer.defaults, **{key: v for key, v in SMALL.items() if key in names})
    return peer.rank(
        purchases=shop, cutoff=cutoff, user_ids=USERS, count=count, parameters=small, seed=4
    )


@pytest.mark.parametrize("name", PEERS)
def test_what_is_new_was_never_bought(name: str, shop: pl.DataFrame, cutoff: datetime) -> None:
    found = answer(name, shop, cutoff, count=40)
    assert found.any.shape == found.new.shape == (3, 40)
    everything = set(shop["item_key"])
    for user, page in zip(USERS, found.new.tolist(), strict=True):
        own = set(shop.filter(user_id=user)["item_key"])
        kept = [key for key in page if key >= 0]
        assert set(kept) == everything - own
        assert page == kept + [-1] * (40 - len(kept))


@pytest.mark.parametrize("name", PEERS)
def test_a_page_repeats_nothing(name: str, shop: pl.DataFrame, cutoff: datetime) -> None:
    for row in answer(name, shop, cutoff).any:
        assert len(np.unique(row)) == 12
        assert row.min() > 0


@pytest.mark.parametrize("name", PEERS)
def test_the_same_seed_gives_the_same_answer(
    name: str, shop: pl.DataFrame, cutoff: datetime
) -> None:
    first, second = answer(name, shop, cutoff), answer(name, shop, cutoff)
    assert first.any.tolist() == second.any.tolist()
    assert first.new.tolist() == second.new.tolist()


@pytest.mark.parametrize("name", PEERS)
def test_who_is_unknown_is_shown_what_is_popular(
    name: str, shop: pl.DataFrame, cutoff: datetime
) -> None:
    found = answer(name, shop, cutoff)
    popular = popularity.rank(shop, cutoff, USERS, 12, popularity.Popularity(), seed=0).any[1]
    assert found.any[1].tolist() == found.new[1].tolist() == popular.tolist()


@pytest.mark.parametrize("name", PEERS)
def test_the_space_is_of_its_parameters_and_holds_the_defaults(name: str) -> None:
    defaults = PEERS[name].defaults
    for parameter, values in PEERS[name].space.items():
        assert getattr(defaults, parameter) in values
        assert len(set(values)) == len(values)
