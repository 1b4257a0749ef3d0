import pytest
import torch

from tests.unit.training.models.made import LENGTH, tokens
from tests.unit.training.models.reference import gru
from training.models.history import Tokens
from training.models.recurrence import Recurrence

LENGTHS = [0, 1, 3, LENGTH, 0, 2]


@pytest.fixture
def module() -> Recurrence:
    torch.manual_seed(1)
    return Recurrence(8)


def test_the_state_is_that_of_a_gru_step_by_step_oldest_first(module: Recurrence) -> None:
    given = tokens(LENGTHS)
    with torch.no_grad():
        found = module(given).numpy()
    for line, length in enumerate(LENGTHS):
        oldest_first = given.values[line, :length].flip(0).double().numpy()
        assert found[line] == pytest.approx(gru(module.gru, list(oldest_first)), abs=1e-5)


def test_without_a_token_the_state_is_zero(module: Recurrence) -> None:
    assert not module(tokens([0])).any()


def test_padding_changes_nothing(module: Recurrence) -> None:
    given = tokens(LENGTHS)
    other = Tokens(given.values.clone(), given.real, given.days)
    other.values[~given.real] = 1e3
    assert torch.equal(module(given), module(other))
    wide = (
        torch.cat([part, torch.zeros_like(part[:, :2])], dim=1)
        for part in (given.values, given.real, given.days)
    )
    assert torch.allclose(module(given), module(Tokens(*wide)), atol=1e-6)


def test_the_order_of_the_tokens_matters(module: Recurrence) -> None:
    given = tokens([LENGTH])
    turned = Tokens(given.values.flip(1), given.real, given.days)
    assert not torch.allclose(module(given), module(turned), atol=1e-3)
