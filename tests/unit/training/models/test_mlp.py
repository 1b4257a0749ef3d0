import numpy as np
import pytest
import torch

from tests.unit.training.models.made import ranker_config
from tests.unit.training.models.reference import head
from training.models.mlp import CrossNetwork


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_cross_layers_are_products_with_what_came_in(layers: int) -> None:
    torch.manual_seed(1)
    network = CrossNetwork(ranker_config("mlp", cross_layers=layers), 5).eval()
    evidence = np.random.default_rng(2).normal(size=(2, 3, 5))
    with torch.no_grad():
        found = network(torch.from_numpy(evidence.astype(np.float32))).numpy()
    for line, place in np.ndindex(2, 3):
        assert found[line, place] == pytest.approx(head(network, evidence[line, place]), abs=1e-5)
