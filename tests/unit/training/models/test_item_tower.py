import numpy as np
import pytest
import torch

from tests.unit.training.models.made import FEATURES
from tests.unit.training.models.reference import linear, stack, unit, weights
from training.models.item_tower import ItemTower


def test_an_item_is_a_direction_and_a_popularity() -> None:
    torch.manual_seed(1)
    tower = ItemTower(FEATURES, 8, 4, 0.3).eval()
    raw = np.array([[0.5, 3.0, np.nan], [-1.0, 1.0, 40.0]])
    rows, categories = [5, 0], [[2, 3], [1, 0]]
    with torch.no_grad():
        found = tower(
            torch.tensor(rows), torch.tensor(categories), torch.tensor(raw, dtype=torch.float32)
        ).numpy()
    for line in range(2):
        missing = np.isnan(raw[line])
        scaled = np.where(missing, 0.0, ((raw[line] - 1.0) / 2.0).clip(-5, 5))
        floats = np.concatenate([scaled, missing])
        tables = zip(tower.categories.tables, categories[line], strict=True)
        described = np.concatenate([*(weights(of, "weight")[row] for of, row in tables), floats])
        vector = weights(tower.table, "weight")[rows[line]] + stack(tower.mlp, described)
        expected = np.concatenate([unit(vector), linear(tower.popularity, floats)])
        assert found[line] == pytest.approx(expected, abs=1e-5)
