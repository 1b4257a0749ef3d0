"""Item-to-item against the closed form of EASE over dense matrices."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tests.unit.training.models.made import FEATURES, ITEMS
from training.data import Prepared, known_users, read_users
from training.learning.co_purchase import LEAST_LEFT, learn, purchases_at
from training.models.inputs import NULL_ROW
from training.models.item_to_item import ItemToItem, ItemToItemConfig
from training.schema import Schema

USERS, RIDGE = 40, 3.0


@pytest.fixture
def counts() -> NDArray[np.float64]:
    """Decayed counts by vocabulary row: nobody takes rows 0 and 1, which are no items, nor the last."""
    draw = np.random.default_rng(3)
    found = draw.exponential(3.0, (USERS, ITEMS)) * (draw.random((USERS, ITEMS)) < 0.3)
    found[:, [0, NULL_ROW, ITEMS - 1]] = 0.0
    return found


def config(rank: int, ridge: float = RIDGE) -> ItemToItemConfig:
    return ItemToItemConfig(FEATURES, rank, ridge)


def taught(counts: NDArray[np.float64], rank: int, seed: int = 1) -> ItemToItem:
    return learn(csr_matrix(np.log1p(counts)), config(rank), seed)


def scores(model: ItemToItem, counts: NDArray[np.float64]) -> NDArray[np.float32]:
    """(U, items) by the module that ships, from lists of what is owned, padded by null."""
    rows = np.full(counts.shape, NULL_ROW)
    listed = np.full(counts.shape, np.nan, dtype=np.float32)
    for user, mine in enumerate(counts):
        (owned,) = np.nonzero(mine)
        rows[user, : len(owned)], listed[user, : len(owned)] = owned, mine[owned]
    inputs = {
        "owned_item__row": torch.from_numpy(rows),
        "owned_score": torch.from_numpy(listed),
    }
    found: NDArray[np.float32] = (model.user(inputs) @ model.item(torch.arange(ITEMS)).T).numpy()
    return found


def test_of_full_rank_it_scores_what_is_not_owned_as_ease_does(counts: NDArray[np.float64]) -> None:
    """Steck (2019): B = -P / diag(P) beside a diagonal of 0, with P the inverse of X'X + ridge."""
    taken = np.log1p(counts)
    inverse = np.linalg.inv(taken.T @ taken + RIDGE * np.eye(ITEMS))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    unseen = counts == 0
    found = scores(taught(counts, ITEMS - 1), counts)
    assert found[unseen] == pytest.approx((taken @ weights)[unseen], abs=1e-4)
    assert np.ptp(found[unseen]) > 0.1


@pytest.mark.parametrize("rank", [1, 3, 6])
def test_of_a_low_rank_it_keeps_the_strongest_directions(
    counts: NDArray[np.float64], rank: int
) -> None:
    taken = np.log1p(counts)
    _, strength, right = np.linalg.svd(taken)
    shrinking = strength[:rank] ** 2 / (strength[:rank] ** 2 + RIDGE)
    ridge = right[:rank].T @ np.diag(shrinking) @ right[:rank]
    left = np.maximum(1.0 - np.diag(ridge), LEAST_LEFT)
    assert scores(taught(counts, rank), counts) == pytest.approx(taken @ ridge / left, abs=1e-4)


def test_an_item_that_nobody_took_scores_nothing(counts: NDArray[np.float64]) -> None:
    found = scores(taught(counts, 8), counts)
    assert found[:, -1] == pytest.approx(0.0, abs=1e-5)


def test_the_seed_decides_nothing_but_the_last_digits(counts: NDArray[np.float64]) -> None:
    first, again, other = (taught(counts, 6, seed) for seed in (1, 1, 2))
    assert torch.equal(first.vectors, again.vectors)
    assert torch.allclose(first.vectors, other.vectors, atol=1e-5)


def test_of_one_person_nothing_can_be_learned(counts: NDArray[np.float64]) -> None:
    assert not scores(taught(counts[:1], 6), counts).any()


def test_of_two_people_one_direction_is_learned(counts: NDArray[np.float64]) -> None:
    model = taught(counts[:2], 6)
    assert model.shrinking.count_nonzero() == 1
    assert np.isfinite(scores(model, counts)).all()


def test_where_nothing_was_taken_every_score_is_zero() -> None:
    nothing = np.zeros((USERS, ITEMS))
    assert not scores(taught(nothing, 6), nothing).any()


def test_odd_counts_are_taken_for_none_or_as_large_as_any(counts: NDArray[np.float64]) -> None:
    model = taught(counts, 6)
    rows = torch.tensor([[3, 4]])
    odd = torch.tensor([[float("nan"), -5.0], [float("inf"), 1.0]])
    found = model.user({"owned_item__row": rows.expand(2, -1), "owned_score": odd})
    assert not found[0].any()
    assert torch.isfinite(found).all()


def test_purchases_are_the_logarithms_of_decayed_counts_by_row(
    prepared: Prepared, of: Schema
) -> None:
    cutoff = prepared.cutoffs[2]
    found = purchases_at(prepared, of, cutoff)
    wanted = [of["owned_item"], of["owned_score"]]
    lists = read_users(prepared, wanted, cutoff, known_users(prepared, cutoff)).lists
    assert found.shape == (len(lists["owned_item"].lengths), len(prepared.item_keys) + 2)
    for user in range(found.shape[0]):
        mine = slice(*lists["owned_item"].offsets[user : user + 2])
        keys = lists["owned_item"].values[mine].tolist()
        rows = np.searchsorted(prepared.item_keys, keys) + 2
        expected = np.zeros(found.shape[1])
        expected[rows] = np.log1p(lists["owned_score"].values[mine])
        assert found.toarray()[user] == pytest.approx(expected, rel=1e-6)


def test_its_shapes_follow_the_vocabulary() -> None:
    model = ItemToItem(ItemToItemConfig(replace(FEATURES, items=5), rank=2))
    assert model.item(torch.tensor([[0, 4]])).shape == (1, 2, 2)
