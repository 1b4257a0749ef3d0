import numpy as np
import pytest
import torch

from tests.unit.training.models.made import FEATURES, LENGTH, history
from tests.unit.training.models.reference import gru, linear, unit, weights
from training.models.gru4rec import Gru4Rec
from training.models.sequence_config import SequenceConfig

LENGTHS = [LENGTH, 2, 1, 0]


def test_a_person_is_the_state_after_the_newest_token() -> None:
    torch.manual_seed(1)
    model = Gru4Rec(SequenceConfig(FEATURES, 8, 4, length=LENGTH)).eval()
    torch.nn.init.normal_(model.nothing)
    given = history(LENGTHS)
    with torch.no_grad():
        found, tokens = model.user(given).numpy(), model.history(given)
    for line, length in enumerate(LENGTHS):
        oldest_first = tokens.values[line, :length].flip(0).double().numpy()
        state = gru(model.recurrence.gru, list(oldest_first))
        person = linear(model.last, state) + weights(model, "nothing")
        expected = np.append(unit(person) / 0.07, 1.0)
        assert found[line] == pytest.approx(expected, abs=1e-4)
