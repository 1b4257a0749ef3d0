"""Novelty, diversity and popularity of pages, by hand and against plain loops."""

import math
from itertools import combinations

import numpy as np
import polars as pl
import pytest

from training.evaluation.page_qualities import (
    Catalogue,
    catalogue,
    diversity,
    novelty,
    popularity,
)

KEYS = np.array([10, 20, 30, 40])
CATEGORIES = np.array([[0, 0], [0, 1], [1, 2], [-1, -1]])


@pytest.fixture
def shop() -> Catalogue:
    """Three people: all bought 10, one of them twice; one bought 20; nobody bought 30 and 40."""
    history = pl.DataFrame({"user_id": [1, 1, 2, 3, 3], "item_key": [10, 10, 10, 10, 20]})
    return catalogue(KEYS, CATEGORIES, history)


def test_information_is_that_of_the_share_of_people_who_bought(shop: Catalogue) -> None:
    assert shop.information.tolist() == pytest.approx([0.0, 1.0, 2.0, 2.0])
    found = novelty(shop, np.array([[0, 1], [2, -1], [-1, -1]]))
    assert found[:2].tolist() == pytest.approx([0.5, 2.0])
    assert math.isnan(found[2])


def test_popularity_is_the_share_of_the_catalogue_that_sold_less(shop: Catalogue) -> None:
    """Of 4 items: the best seller is above 3, and half of itself; two that never sold share a place."""
    assert shop.popularity.tolist() == pytest.approx([0.875, 0.625, 0.25, 0.25])
    assert popularity(shop, np.array([[0, 2, -1]]))[0] == pytest.approx(0.5625)


def test_diversity_is_the_share_of_category_levels_that_differ(shop: Catalogue) -> None:
    assert diversity(shop, np.array([[0, 1]]))[0] == pytest.approx(0.5)
    assert diversity(shop, np.array([[0, 2]]))[0] == pytest.approx(1.0)
    assert diversity(shop, np.array([[3, 0]]))[0] == pytest.approx(1.0)  # unknown differs
    assert diversity(shop, np.array([[0, 1, 2]]))[0] == pytest.approx((0.5 + 1 + 1) / 3)
    assert np.isnan(diversity(shop, np.array([[0, -1]]))).all()


def test_diversity_is_that_of_a_plain_loop() -> None:
    draw = np.random.default_rng(4)
    categories = draw.integers(-1, 4, (50, 3))
    of = catalogue(np.arange(50), categories, pl.DataFrame({"user_id": [1], "item_key": [1]}))
    pages = np.stack([draw.permutation(50)[:6] for _ in range(20)])
    pages[3, 2:] = -1
    for page, value in zip(pages, diversity(of, pages), strict=True):
        far = [
            np.mean(
                [not (a == b and a >= 0) for a, b in zip(categories[i], categories[j], strict=True)]
            )
            for i, j in combinations(page[page >= 0], 2)
        ]
        assert value == pytest.approx(np.mean(far))


def test_items_without_categories_have_no_diversity() -> None:
    of = catalogue(
        KEYS, np.zeros((4, 0), np.int64), pl.DataFrame({"user_id": [1], "item_key": [10]})
    )
    assert np.isnan(diversity(of, np.array([[0, 1]]))).all()


def test_keys_become_places_and_others_none(shop: Catalogue) -> None:
    assert shop.places(np.array([[40, 10, 35, -1]])).tolist() == [[3, 0, -1, -1]]
