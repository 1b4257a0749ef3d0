"""Whatever is taught by gradients learns one batch by heart within a few dozen steps."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.unit.training.models import made
from tests.unit.training.models.made import (
    ACTIONS,
    FEATURES,
    ITEMS,
    LENGTH,
    examples,
    ranker_config,
    users,
)
from training.models.item_to_item import ItemToItem, ItemToItemConfig
from training.models.ranker import Ranker
from training.models.ranker_lesson import RankerLesson
from training.models.retriever_lesson import RetrieverLesson
from training.models.retrievers import TAUGHT, TWO_TOWER, new
from training.models.sequence_config import SequenceConfig
from training.models.two_tower import TwoTowerConfig

STEPS = 60


def losses(model: nn.Module, loss: Callable[[], Tensor]) -> list[float]:
    taught = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(taught, lr=0.02)
    found = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        one = loss()
        one.backward()
        optimizer.step()
        found.append(float(one.detach()))
    return found


@pytest.mark.parametrize("network", made.TAUGHT)
def test_every_ranker_learns_one_batch_by_heart(network: str) -> None:
    torch.manual_seed(1)
    batch = examples(10, 8)
    model = Ranker(ranker_config(network, hidden=(32, 16), dimension=16, channels=8))
    lesson = RankerLesson(model, 1e-2, 0.0, negative_share=1.0, action_weight=0.0).train()
    found = losses(lesson, lambda: lesson.training_step(batch, 0))
    assert found[-1] < 0.1 * found[0]


@pytest.mark.parametrize("network", made.TAUGHT)
def test_every_ranker_learns_a_batch_with_several_actions_by_heart(network: str) -> None:
    torch.manual_seed(1)
    batch = examples(10, 8, actions=ACTIONS)
    config = ranker_config(network, hidden=(32, 16), dimension=16, channels=8, actions=ACTIONS)
    model = Ranker(config)
    lesson = RankerLesson(model, 1e-2, 0.0, negative_share=1.0, action_weight=1.0).train()
    found = losses(lesson, lambda: lesson.training_step(batch, 0))
    assert found[-1] < 0.15 * found[0]
    with torch.no_grad():
        said = model.logits(batch)[batch["mask"]] > 0
    outcomes = torch.cat([batch["bought"].unsqueeze(-1), batch["others"]], dim=-1)[batch["mask"]]
    assert (said == (outcomes > 0)).float().mean(dim=0).min() > 0.95


def told_by_history_alone() -> dict[str, Tensor]:
    """Everything else is alike; whether something is bought hangs on who asks and on the item."""
    batch = examples(LENGTH + 1, 6)
    rows = torch.arange(2, 8).expand(LENGTH + 1, -1)
    alike = ("user_float", "user_key__row", "item_float", "item_key__row", "crosses")
    blank = {name: torch.zeros_like(batch[name]) for name in alike}
    everything = torch.ones_like(batch["mask"])
    return batch | blank | {"item_id__row": rows, "mask": everything}


@pytest.mark.parametrize("network", made.TAUGHT)
def test_a_ranker_learns_what_histories_alone_tell_if_it_reads_them(network: str) -> None:
    torch.manual_seed(1)
    batch = told_by_history_alone()
    model = Ranker(ranker_config(network, hidden=(32, 16), dimension=16, channels=8))
    lesson = RankerLesson(model, 1e-2, 0.0, negative_share=1.0, action_weight=0.0).train()
    found = losses(lesson, lambda: lesson.training_step(batch, 0))
    assert (found[-1] < 0.5 * found[0]) == (network != "mlp")


def purchases(count: int, pool: int) -> dict[str, Tensor]:
    """A pool of the first items, of which each person takes two; all others are their negatives."""
    draw = np.random.default_rng(5)
    taken = np.stack([draw.permutation(pool)[:2] for _ in range(count)])
    barred = np.zeros((count, pool), dtype=np.bool_)
    np.put_along_axis(barred, taken, values=True, axis=1)
    return {
        "pool_row": torch.arange(2, pool + 2),
        "pool_key__row": torch.from_numpy(draw.integers(0, 4, (pool, 2))),
        "pool_float": torch.from_numpy(draw.normal(size=(pool, 3)).astype(np.float32)),
        "pool_log_q": torch.zeros(pool),
        "barred": torch.from_numpy(barred),
        "bought_user": torch.arange(count).repeat_interleave(2),
        "bought_item": torch.from_numpy(taken.ravel()),
    }


@pytest.mark.parametrize("name", TAUGHT)
def test_every_taught_retriever_learns_one_batch_by_heart(name: str) -> None:
    """People differ in their histories alone: a sequence model must have read them to the end."""
    torch.manual_seed(1)
    batch = users(LENGTH + 1) | purchases(LENGTH + 1, ITEMS - 2)
    config = (
        TwoTowerConfig(FEATURES, 16, 4, dropout=0.0)
        if name == TWO_TOWER
        else SequenceConfig(FEATURES, 16, 4, dropout=0.0, embedding_dropout=0.0, length=LENGTH)
    )
    lesson = RetrieverLesson(new(name, config), 1e-2, 0.0, batch, 2).train()
    found = losses(lesson, lambda: lesson.training_step(batch, 0))
    assert found[-1] < 0.1 * found[0]


def test_item_to_item_has_nothing_that_gradients_could_teach() -> None:
    assert list(ItemToItem(ItemToItemConfig(FEATURES, 4)).parameters()) == []
