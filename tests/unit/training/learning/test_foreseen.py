"""What the heads of other actions are worth, held against sums by hand."""

import numpy as np
import pytest
import torch

from tests.unit.training.models.made import ACTIONS, ranker_config
from training.learning.foreseen import foresee
from training.models.ranker import Ranker


@pytest.fixture
def ranker() -> Ranker:
    torch.manual_seed(1)
    return Ranker(ranker_config("mlp", actions=ACTIONS))


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Logits that are twice too sure and one too high, and what happened."""
    draw = np.random.default_rng(2)
    true = draw.normal(-1.0, 1.0, (4000, 2))
    happened = draw.random((4000, 2)) < 1 / (1 + np.exp(-true))
    return 2.0 * true + 1.0, happened.astype(np.float32)


def test_each_head_is_calibrated_by_itself_and_measured(ranker: Ranker) -> None:
    logits, happened = drawn()
    found = foresee(ranker, logits, happened)
    assert list(found) == list(ACTIONS)
    for action, figures in enumerate(found.values()):
        slope, offset = ranker.action_slopes[action], ranker.action_offsets[action]
        assert float(slope) == pytest.approx(0.5, abs=0.05)
        assert float(offset) == pytest.approx(-0.5, abs=0.1)
        said, did = logits[:, action], happened[:, action] > 0
        probability = 1 / (1 + np.exp(-(said * float(slope) + float(offset))))
        assert probability.mean() == pytest.approx(did.mean(), rel=1e-4)
        loss = -np.log(np.where(did, probability, 1 - probability)).mean()
        above = said[did][:, None] > said[~did][None]
        assert figures == {
            "log_loss_calibrated": pytest.approx(loss, rel=1e-5),
            "auc": pytest.approx(above.mean(), abs=1e-5),
            "share": pytest.approx(did.mean()),
        }


def test_of_what_never_happened_no_order_is_told(ranker: Ranker) -> None:
    logits, happened = drawn()
    happened[:, 1] = 0
    found = foresee(ranker, logits, happened)
    assert found["view"]["auc"] is None
    assert found["view"]["share"] == 0.0
    assert found["click"]["auc"] is not None
    assert float(ranker.action_slopes[1]) == 1.0


def test_a_ranker_of_the_target_alone_foresees_nothing_else() -> None:
    one = Ranker(ranker_config("mlp"))
    assert foresee(one, np.zeros((5, 0)), np.zeros((5, 0), np.float32)) == {}
