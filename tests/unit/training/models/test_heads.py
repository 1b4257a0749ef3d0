"""A head for each action over one body; of one action alone, what there was before there were others."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.unit.training.models.made import ACTIONS, TAUGHT, examples, ranker_config
from training.models.head import Head
from training.models.ranker import Ranker
from training.models.ranker_config import RankerConfig
from training.models.ranker_config import ranker_config as of_plain


def ranker(network: str, actions: tuple[str, ...]) -> Ranker:
    torch.manual_seed(1)
    return Ranker(ranker_config(network, actions=actions)).eval()


def last(of: Ranker) -> nn.Linear:
    found = getattr(of.network, "head", of.network).last
    assert isinstance(found, nn.Linear)
    return found


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_head_has_an_output_an_action_over_one_body(outputs: int) -> None:
    config = ranker_config("mlp", hidden=(6, 4), actions=("click", "view")[: outputs - 1])
    head = Head(config, 5)
    assert head(torch.zeros(2, 7, 5)).shape == (2, 7, outputs)
    assert [p.shape for p in head.deep.parameters()] == [(6, 5), (6,), (4, 6), (4,)]
    assert head.last.weight.shape == (outputs, 5 + 4)


@pytest.mark.parametrize("network", TAUGHT)
def test_logits_are_the_targets_and_then_the_other_actions(network: str) -> None:
    of, batch = ranker(network, ACTIONS), examples(5, 4, actions=ACTIONS)
    with torch.no_grad():
        logits = of.logits(batch)
        assert logits.shape == (5, 4, 1 + len(ACTIONS))
        assert torch.equal(of.logit(batch), logits[..., 0])
        last(of).weight[1:] += 1.0
        changed = of.logits(batch)
    assert torch.equal(changed[..., 0], logits[..., 0])
    assert not torch.allclose(changed[..., 1:], logits[..., 1:])


@pytest.mark.parametrize("network", [*TAUGHT, "trees"])
def test_the_real_candidates_alone_have_the_logits_that_they_have_among_padding(
    network: str,
) -> None:
    of, batch = ranker(network, ()), examples(5, 4)
    with torch.no_grad():
        whole, real = of.logits(batch), of.logits(batch, batch["mask"])
    assert not batch["mask"].all()
    assert torch.allclose(real, whole[batch["mask"]], atol=1e-6)


@pytest.mark.parametrize("network", TAUGHT)
def test_the_body_is_the_same_whatever_hangs_on_it(network: str) -> None:
    one, several = ranker(network, ()).state_dict(), ranker(network, ACTIONS).state_dict()
    added = {"action_slopes", "action_offsets"}
    assert set(several) - set(one) == added
    grown = {name for name, values in one.items() if values.shape != several[name].shape}
    heads = {n for n in one if n.endswith(("network.last.weight", "network.last.bias"))}
    heads |= {n for n in one if n.startswith("network.head.last")}
    assert grown == heads
    assert one["slope"].shape == ()


def test_trees_have_the_target_alone() -> None:
    of, batch = ranker("trees", ()), examples(5, 4, actions=ACTIONS)
    assert of.logits(batch).shape == (5, 4, 1)
    assert not hasattr(of, "action_slopes")


def test_a_configuration_without_actions_is_one_of_the_target_alone() -> None:
    several = ranker_config("mlp", actions=ACTIONS)
    assert of_plain(several.plain()) == several
    assert several.outputs == 3
    plain = several.plain()
    del plain["actions"]
    found: RankerConfig = of_plain(plain)
    assert found == replace(several, actions=())
    assert found.outputs == 1
