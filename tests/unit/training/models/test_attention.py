import numpy as np
import pytest
import torch

from tests.unit.training.models.reference import attention
from training.models.attention import Attention


@pytest.fixture
def module() -> Attention:
    torch.manual_seed(1)
    found = Attention(size=6, heads=3)
    torch.nn.init.normal_(found.fading)
    return found


def test_attention_is_that_of_a_loop_over_askers_heads_and_what_they_see(
    module: Attention,
) -> None:
    draw = np.random.default_rng(2)
    asking, values = draw.normal(size=(2, 4, 6)), draw.normal(size=(2, 5, 6))
    days, seen = draw.uniform(0, 400, (2, 4, 5)), draw.random((2, 4, 5)) < 0.5
    seen[..., 0] = True
    with torch.no_grad():
        found = module(
            *(torch.from_numpy(of.astype(np.float32)) for of in (asking, values, days)),
            torch.from_numpy(seen),
        ).numpy()
    for line in range(2):
        for asker in range(4):
            heard = np.flatnonzero(seen[line, asker])
            expected = attention(
                module,
                asking[line, asker],
                [values[line, place] for place in heard],
                [days[line, asker, place] for place in heard],
            )
            assert found[line, asker] == pytest.approx(expected, abs=1e-5)


def test_what_is_longer_ago_is_heard_less_as_far_as_fading_goes() -> None:
    """Of two equal keys a month apart: 1 to 31 days weigh as 1 / 2 to 1 / 32."""
    module = Attention(size=2, heads=1)
    with torch.no_grad():
        module.fading.fill_(1.0)
        for layer in (module.query, module.out):
            torch.nn.init.eye_(layer.weight)
            layer.bias.zero_()
        module.key_value.weight.copy_(torch.tensor([[0.0, 0], [0, 0], [1, 0], [0, 1]]))
        module.key_value.bias.zero_()
        values = torch.eye(2)[None]
        seen = torch.ones(1, 1, 2, dtype=torch.bool)
        said = module(torch.zeros(1, 1, 2), values, torch.tensor([[[1.0, 31.0]]]), seen)
    assert said[0, 0].tolist() == pytest.approx([32 / 34, 2 / 34])
