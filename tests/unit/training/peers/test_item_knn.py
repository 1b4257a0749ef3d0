from datetime import datetime

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tests.unit.training.peers.conftest import Bought
from training.peers.coded import coded
from training.peers.item_knn import ItemKnn, rank, similarities


def test_similarity_is_the_cosine_of_the_baskets(bought: Bought, cutoff: datetime) -> None:
    # Baskets {1, 2}, {1, 2}, {1, 3}, {3}: 1 in 3 of them, 2 in 2, 3 in 2.
    rows = [(1, 1, 1, 9), (1, 2, 1, 9), (2, 1, 2, 9), (2, 2, 2, 9), (1, 1, 3, 8), (1, 3, 3, 8)]
    at = coded(bought([*rows, (2, 3, 4, 7)]), cutoff)
    order = np.argsort(at.item_keys)

    def found(neighbours: int, shrinkage: float) -> NDArray[np.float32]:
        parameters = ItemKnn(neighbours, shrinkage, basket_half_life_days=np.inf)
        return similarities(at, parameters).toarray()[order][:, order]

    close, far = 2 / np.sqrt(6), 1 / np.sqrt(6)
    assert found(3, 0) == pytest.approx(np.array([[0, close, far], [close, 0, 0], [far, 0, 0]]))
    assert found(1, 2)[0] == pytest.approx([0, 2 / (np.sqrt(6) + 2), 0])


def test_scores_sum_over_a_history_that_fades(bought: Bought, cutoff: datetime) -> None:
    # 1 goes with 2, and 3 with 4; user 9 bought 1 lately and 3 long ago.
    rows = [(1, 1, 1, 9), (1, 2, 1, 9), (2, 3, 2, 9), (2, 4, 2, 9)]
    rows += [(9, 1, 3, 1), (9, 3, 4, 200)]
    parameters = ItemKnn(neighbours=2, shrinkage=0, half_life_days=28)
    found = rank(bought(rows), cutoff, pl.Series([9]), 2, parameters, seed=0)
    assert found.any.tolist() == [[2, 4]]
    assert found.new.tolist() == [[2, 4]]


def test_it_is_a_count_of_pairs_that_fades(shop: pl.DataFrame, cutoff: datetime) -> None:
    at = coded(shop, cutoff)
    inside = np.zeros((at.basket.max() + 1, at.shape[1]))
    inside[at.basket, at.item] = 1
    weights = np.zeros(len(inside))
    weights[at.basket] = 0.5 ** (at.age_days / 10)
    assert weights.min() < 0.5 * weights.max()
    counts = weights @ inside
    expected = inside.T @ (weights[:, None] * inside) / (np.sqrt(np.outer(counts, counts)) + 4)
    np.fill_diagonal(expected, 0)
    parameters = ItemKnn(neighbours=30, shrinkage=4, basket_half_life_days=10)
    assert similarities(at, parameters).toarray() == pytest.approx(expected, abs=1e-6)
