import numpy as np
import pytest
import torch

from tests.unit.training.models.made import FEATURES, users
from tests.unit.training.models.reference import stack, unit, weights
from training.models.inputs import NULL_ROW
from training.models.two_tower import TwoTower, TwoTowerConfig


def pooled(table: np.ndarray, rows: list[int], shares: list[float]) -> np.ndarray:
    """The weighted mean of what is there; nothing for an empty list."""
    real = [(row, share) for row, share in zip(rows, shares, strict=True) if row != NULL_ROW]
    total = sum(share for _, share in real)
    zero = np.zeros(table.shape[1])
    return sum((share * table[row] for row, share in real), start=zero) / max(total, 1e-6)


def test_a_person_is_means_of_lists_categories_and_numbers() -> None:
    torch.manual_seed(1)
    model = TwoTower(TwoTowerConfig(FEATURES, 8, 4)).eval()
    given = users(5)
    with torch.no_grad():
        found = model.user(given).numpy()
    history = weights(model.history_table, "weight")
    shelves = weights(model.items.categories.tables[1], "weight")
    ages = weights(model.user_categories.tables[0], "weight")
    for line in range(5):
        one = {name: values[line].tolist() for name, values in given.items()}
        floats = np.array(one["user_float"])
        floats[1] = np.log(max(floats[1], 0.0) + 1)
        x = np.concatenate(
            [
                pooled(history, one["owned_item__row"], np.log1p(one["owned_score"]).tolist()),
                pooled(history, one["recent_item__row"], np.exp(-0.05 * np.arange(6)).tolist()),
                pooled(shelves, one["shelf_key__row"], one["shelf_share"]),
                ages[one["user_key__row"][0]],
                ((floats - 1.0) / 2.0).clip(-5, 5),
                [0.0, 0.0],  # nothing is missing
            ]
        )
        expected = np.append(unit(stack(model.user_mlp, x)) / 0.07, 1.0)
        assert found[line] == pytest.approx(expected, abs=1e-4)
