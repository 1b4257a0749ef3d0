"""The loss of a batch by hand; padding adds nothing to it."""

from math import exp, log

import numpy as np
import pytest
import torch

from tests.unit.training.models.made import TAUGHT, examples, ranker_config
from training.models.ranker import Ranker
from training.models.ranker_lesson import RankerLesson


def lesson(network: str, negative_share: float = 1.0) -> RankerLesson:
    torch.manual_seed(1)
    return RankerLesson(Ranker(ranker_config(network)), 1e-3, 1e-2, negative_share).eval()


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
            probability = 1 / (1 + exp(-logits[line, place]))
            bought = bool(batch["bought"][line, place])
            losses.append(-log(probability if bought else 1 - probability))
    assert len(losses) == 4 + 3 + 2 + 1 + 1
    assert found == pytest.approx(np.mean(losses), rel=1e-5)
    assert taught.losses == [found]


@pytest.mark.parametrize("network", TAUGHT)
def test_padding_adds_nothing_to_loss_or_gradients(network: str) -> None:
    narrow = examples(3, 4)
    narrow["mask"][:] = True
    of_items = ("item_id__row", "item_key__row", "item_float", "crosses", "bought", "mask")
    wide = {n: torch.cat([v, v[:, -1:]], dim=1) if n in of_items else v for n, v in narrow.items()}
    wide["mask"][:, -1] = False
    wide["bought"][:, -1] = 1.0
    found = []
    for batch in (narrow, wide):
        taught = lesson(network)
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
