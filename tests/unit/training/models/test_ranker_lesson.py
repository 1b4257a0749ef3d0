"""The loss of a batch by hand; padding adds nothing to it."""

from math import exp, log

import numpy as np
import pytest
import torch

from tests.unit.training.models.made import ACTIONS, TAUGHT, examples, ranker_config
from training.models.ranker import Ranker
from training.models.ranker_lesson import RankerLesson, listwise


def lesson(
    network: str,
    negative_share: float = 1.0,
    actions: tuple[str, ...] = (),
    action_weight: float = 0.5,
    listwise_weight: float = 0.0,
) -> RankerLesson:
    torch.manual_seed(1)
    ranker = Ranker(ranker_config(network, actions=actions))
    return RankerLesson(ranker, 1e-3, 1e-2, negative_share, action_weight, listwise_weight).eval()


def entropy(logit: float, happened: float) -> float:
    probability = 1 / (1 + exp(-logit))
    return -log(probability if happened else 1 - probability)


@pytest.mark.parametrize("network", TAUGHT)
def test_the_loss_is_the_mean_over_what_is_no_padding(network: str) -> None:
    batch = examples(5, 4)
    taught = lesson(network)
    with torch.no_grad():
        found = float(taught.training_step(batch, 0))
        logits = taught.model.logit(batch).numpy()
    losses = []
    for line, place in np.ndindex(*logits.shape):
        if batch["mask"][line, place]:
            losses.append(entropy(logits[line, place], batch["bought"][line, place]))
    assert len(losses) == 4 + 3 + 2 + 1 + 1
    assert found == pytest.approx(np.mean(losses), rel=1e-5)
    assert taught.losses == [found]


@pytest.mark.parametrize("network", TAUGHT)
def test_the_other_actions_add_their_mean_by_its_weight(network: str) -> None:
    batch = examples(5, 4, actions=ACTIONS)
    taught = lesson(network, actions=ACTIONS, action_weight=0.25)
    with torch.no_grad():
        found = float(taught.training_step(batch, 0))
        logits = taught.model.logits(batch).numpy()
    real = [tuple(at) for at in batch["mask"].nonzero().tolist()]
    target = np.mean([entropy(logits[at][0], batch["bought"][at]) for at in real])
    beside = [
        np.mean([entropy(logits[at][1 + action], batch["others"][at][action]) for at in real])
        for action in range(len(ACTIONS))
    ]
    assert found == pytest.approx(target + 0.25 * np.mean(beside), rel=1e-5)
    assert taught.losses == [pytest.approx(target, rel=1e-5)]


@pytest.mark.parametrize("network", TAUGHT)
def test_a_softmax_over_each_users_candidates_is_added_by_its_weight(network: str) -> None:
    batch = examples(5, 4)
    taught = lesson(network, listwise_weight=0.5)
    with torch.no_grad():
        found = float(taught.training_step(batch, 0))
        logits = taught.model.logit(batch).numpy()
    plain = taught.losses[0]
    each = []
    for line in range(5):
        real = [c for c in range(4) if batch["mask"][line, c]]
        whole = log(sum(exp(logits[line, c]) for c in real))
        taken = [whole - logits[line, c] for c in real if batch["bought"][line, c]]
        if taken:
            each.append(np.mean(taken))
    assert len(each) > 1
    assert found == pytest.approx(plain + 0.5 * np.mean(each), rel=1e-5)


def test_a_batch_in_which_nobody_took_anything_has_no_order_to_learn() -> None:
    logits = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    found = listwise(logits, mask, torch.zeros(2, 3))
    found.backward()
    assert float(found.detach()) == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("network", TAUGHT)
def test_the_other_actions_teach_the_body_and_the_targets_head_nothing(network: str) -> None:
    """What differs between weights of 0 and 1 is the body's slope, and that of the other heads."""
    batch = examples(5, 4, actions=ACTIONS)
    of_last, of_body = [], []
    for weight in (0.0, 1.0):
        taught = lesson(network, actions=ACTIONS, action_weight=weight)
        taught.training_step(batch, 0).backward()
        head = getattr(taught.model.network, "head", taught.model.network)
        of_last.append(head.last.weight.grad)
        of_body.append(head.deep[0].weight.grad)
    assert torch.allclose(of_last[0][0], of_last[1][0], atol=1e-7)
    assert not of_last[0][1:].any()
    assert of_last[1][1:].any(dim=1).all()
    assert not torch.allclose(of_body[0], of_body[1])


@pytest.mark.parametrize("listwise_weight", [0.0, 1.0])
@pytest.mark.parametrize("actions", [(), ACTIONS])
@pytest.mark.parametrize("network", TAUGHT)
def test_padding_adds_nothing_to_loss_or_gradients(
    network: str, actions: tuple[str, ...], listwise_weight: float
) -> None:
    narrow = examples(3, 4, actions=actions)
    narrow["mask"][:] = True
    of_items = (
        *("item_id__row", "item_key__row", "item_float"),
        *("crosses", "bought", "others", "mask"),
    )
    wide = {n: torch.cat([v, v[:, -1:]], dim=1) if n in of_items else v for n, v in narrow.items()}
    wide["mask"][:, -1] = False
    wide["bought"][:, -1] = 1.0
    wide["others"][:, -1] = 1.0
    found = []
    for batch in (narrow, wide):
        taught = lesson(network, actions=actions, listwise_weight=listwise_weight)
        loss = taught.training_step(batch, 0)
        loss.backward()
        slopes = [p.grad for p in taught.parameters() if p.grad is not None]
        found.append((loss, torch.cat([slope.flatten() for slope in slopes])))
    assert torch.allclose(found[0][0], found[1][0], atol=1e-6)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-5)


def test_thinned_negatives_are_made_up_for_in_what_is_validated_alone() -> None:
    """A share s of the negatives makes the odds 1 / s too high."""
    whole, thinned = lesson("mlp"), lesson("mlp", negative_share=0.2)
    batch = examples(5, 4)
    with torch.no_grad():
        assert whole.training_step(batch, 0) == thinned.training_step(batch, 0)
        logit = whole.model.logit(batch)
        assert torch.equal(whole.model.calibrated(logit), logit)
        assert torch.allclose(thinned.model.calibrated(logit), logit + log(0.2))
