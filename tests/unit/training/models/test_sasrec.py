from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.unit.training.models.made import FEATURES, ITEMS, LENGTH, NOW_S, history
from tests.unit.training.models.reference import attention, normed, stack, unit, weights
from training.models.inputs import NULL_ROW
from training.models.sasrec import SasRec
from training.models.sequence_config import SequenceConfig

LENGTHS = [LENGTH, 3, 1, 0]


@pytest.fixture
def model() -> SasRec:
    torch.manual_seed(1)
    found = SasRec(SequenceConfig(FEATURES, 8, 4, length=LENGTH)).eval()
    found.history.described.random_(0, 4)
    torch.nn.init.normal_(found.places, std=0.5)
    torch.nn.init.normal_(found.nothing, std=0.5)
    for layer in found.layers:
        torch.nn.init.normal_(layer.attention.fading)
    return found


def slowly(model: SasRec, given: Mapping[str, Tensor], line: int) -> np.ndarray:
    """The user vector, a token at a time: each hears itself and what is older."""
    with torch.no_grad():
        tokens = model.history(given)
    length = int(tokens.real[line].sum())
    places = weights(model, "places")
    states = [tokens.values[line, n].double().numpy() + places[n] for n in range(length)]
    states.append(weights(model, "nothing")[0, 0])
    days = [*tokens.days[line, :length].tolist(), 0.0]
    for layer in model.layers:
        usual = [normed(layer.before, state) for state in states]
        states = [
            state + attention(layer.attention, usual[n], usual[n:], days[n:])
            for n, state in enumerate(states)
        ]
        states = [state + stack(layer.step, normed(layer.after, state)) for state in states]
    return np.append(unit(normed(model.last, states[0])) / 0.07, 1.0)


def test_a_person_is_the_state_of_the_newest_token(model: SasRec) -> None:
    given = history(LENGTHS)
    with torch.no_grad():
        found = model.user(given).numpy()
    for line in range(len(LENGTHS)):
        assert found[line] == pytest.approx(slowly(model, given, line), abs=1e-4)


def test_a_token_hears_nothing_of_what_is_newer(model: SasRec) -> None:
    seen: list[Tensor] = []
    with model.layers[-1].register_forward_hook(lambda *call: seen.append(call[2])):
        given = history([LENGTH, LENGTH])
        other = {name: values.clone() for name, values in given.items()}
        other["recent_item__row"][:, :2] = (other["recent_item__row"][:, :2] - 1).clamp(2, ITEMS)
        other["recent_s"][:, 0] = NOW_S
        model.user(given)
        model.user(other)
    assert torch.equal(seen[0][:, 3:], seen[1][:, 3:])
    assert not torch.allclose(seen[0][:, 0], seen[1][:, 0])


def test_whoever_took_nothing_is_alike_whenever_they_ask(model: SasRec) -> None:
    nobody = history([0, 0])
    nobody["request_time"][1] += 10_000_000
    found = model.user(nobody)
    assert torch.equal(found[0], found[1])


def test_padding_changes_nothing(model: SasRec) -> None:
    given = history([3, 1])
    short = {n: v[:, :3] if n.startswith("recent") else v for n, v in given.items()}
    assert (given["recent_item__row"][:, 3:] == NULL_ROW).all()
    assert torch.allclose(model.user(given), model.user(short), atol=1e-5)
