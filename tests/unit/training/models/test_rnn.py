import numpy as np
import pytest
import torch

from tests.unit.training.models.made import LENGTH, ranker_config, tokens
from tests.unit.training.models.reference import gru, head
from training.models.rnn import RecurrentNetwork


def test_the_last_state_meets_each_candidate() -> None:
    torch.manual_seed(1)
    network = RecurrentNetwork(ranker_config("rnn"), 5).eval()
    draw = np.random.default_rng(3)
    evidence, candidates = draw.normal(size=(3, 4, 5)), draw.normal(size=(3, 4, 8))
    lengths = [LENGTH, 1, 0]
    given = tokens(lengths)
    with torch.no_grad():
        found = network(
            torch.from_numpy(evidence.astype(np.float32)),
            torch.from_numpy(candidates.astype(np.float32)),
            given,
        ).numpy()
    for line, length in enumerate(lengths):
        oldest_first = given.values[line, :length].flip(0).double().numpy()
        of = gru(network.recurrence.gru, list(oldest_first))
        for place in range(4):
            x = np.concatenate([evidence[line, place], of * candidates[line, place], of])
            expected = head(network.head, x)
            assert found[line, place] == pytest.approx(expected, abs=1e-5)
