"""ALS and BPR, which `implicit` fits."""

from collections.abc import Callable
from datetime import datetime

import polars as pl
import pytest

from training.peers import als, bpr
from training.peers.pages import Pages

Fitted = Callable[[pl.DataFrame, datetime, pl.Series], Pages]


def als_pages(shop: pl.DataFrame, cutoff: datetime, users: pl.Series) -> Pages:
    return als.rank(shop, cutoff, users, 12, als.Als(factors=4), seed=3)


def bpr_pages(shop: pl.DataFrame, cutoff: datetime, users: pl.Series) -> Pages:
    parameters = bpr.Bpr(factors=4, learning_rate=0.05, iterations=60)
    return bpr.rank(shop, cutoff, users, 12, parameters, seed=3)


@pytest.mark.parametrize("peer", [als_pages, bpr_pages])
def test_each_crowd_is_shown_its_own_shelf(
    peer: Fitted, shop: pl.DataFrame, cutoff: datetime
) -> None:
    users = pl.Series(range(1, 31))
    for user, page in zip(users, peer(shop, cutoff, users).any.tolist(), strict=True):
        assert {key // 100 for key in page} == {1 if user % 2 else 2}
