from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl
import pytest

from tests.unit.training.peers.conftest import Bought
from training.peers.coded import coded


def test_items_are_counted_from_the_best_selling(bought: Bought, cutoff: datetime) -> None:
    at = coded(bought([(4, 9, 1, 50), (2, 5, 7, 2), (4, 5, 8, 1)]), cutoff)
    assert at.user_ids.to_list() == [2, 4]
    assert at.item_keys.tolist() == [5, 9]
    assert at.item.tolist() == [1, 0, 0]
    assert at.user.tolist() == [1, 0, 1]
    assert at.age_days.tolist() == [50, 2, 1]
    assert at.bought().toarray().tolist() == [[1, 0], [1, 1]]
    assert at.matrix(np.array([1.0, 2.0, 4.0])).toarray().tolist() == [[2, 0], [4, 1]]


def test_baskets_of_one_name_are_several_users(bought: Bought, cutoff: datetime) -> None:
    at = coded(bought([(1, 5, 7, 3), (2, 5, 7, 3), (1, 6, 7, 3)]), cutoff)
    assert at.basket.tolist() == [0, 0, 1]


@pytest.mark.parametrize("way", [1, -1])
def test_a_basket_is_as_old_as_its_latest_purchase(
    bought: Bought, cutoff: datetime, way: int
) -> None:
    history = bought([(1, 5, 7, 9), (1, 6, 7, 3), (1, 5, 8, 20)])
    at = coded(history[::way], cutoff)
    assert at.basket_age_days.tolist() == [3, 20]
    turned = replace(at, basket=at.basket[::way], age_days=at.age_days[::way])
    assert turned.basket_age_days.tolist() == [3, 20]


def test_a_purchase_after_the_cutoff_is_refused(bought: Bought, cutoff: datetime) -> None:
    with pytest.raises(ValueError, match="1 purchases are not before the cut-off, 2024-06-03"):
        coded(bought([(1, 5, 7, 3), (1, 6, 8, 0)]), cutoff)


def test_text_ids_are_coded_too(bought: Bought, cutoff: datetime) -> None:
    history = bought([(2, 5, 7, 3), (1, 6, 8, 1)]).with_columns(pl.col("user_id").cast(pl.String))
    at = coded(history, cutoff)
    assert at.user_ids.to_list() == ["1", "2"]
    assert at.user.tolist() == [1, 0]
