import numpy as np
import pytest
import torch

from training.candidates import Sources, gather, sources_at
from training.data import Prepared
from training.known import Known, with_rows
from training.learning.ranker_examples import (
    ExampleBatches,
    Sampling,
    UserOrder,
    examples,
    together,
)
from training.models.ranker import Ranker
from training.models.ranker_lesson import RankerLesson
from training.models.two_tower import TwoTower
from training.schema import Schema


@pytest.fixture(scope="module")
def sources(prepared: Prepared, of: Schema, tower: TwoTower, known: Known) -> Sources:
    return sources_at(prepared, of, tower, known.cutoff, 24)


def test_the_flat_examples_score_as_the_module_that_ships(
    known: Known, sources: Sources, ranker: Ranker
) -> None:
    made = examples(known, sources, ranker, Sampling())
    twice = together([made, made])  # the second's users and items lie further on
    which = np.array([len(known.users.ids) + 4, 2])
    lesson = RankerLesson(ranker, 1e-3, 1e-2, negative_share=1.0)
    with torch.no_grad():
        flat = torch.sigmoid(lesson.logit(ExampleBatches(twice)[which]))
    users = known.user_inputs(np.array([4, 2]))
    positions = gather(known, users, sources, exclude_purchased=False).positions
    tensors = with_rows(known.prepared, known.schema, users | known.item_inputs(positions))
    with torch.no_grad():
        whole = ranker(tensors)[torch.from_numpy(positions >= 0)]
    assert flat.numpy() == pytest.approx(whole.numpy(), abs=1e-6)


def test_thinning_keeps_everything_bought_and_a_share_of_the_rest(
    known: Known, sources: Sources, ranker: Ranker
) -> None:
    whole = examples(known, sources, ranker, Sampling())
    thin = examples(known, sources, ranker, Sampling(negative_share=0.3, seed=1))
    assert thin.bought.sum() == whole.bought.sum() > 0
    share = float((1 - thin.bought).sum() / (1 - whole.bought).sum())
    assert share == pytest.approx(0.3, abs=0.06)
    again = examples(known, sources, ranker, Sampling(negative_share=0.3, seed=1))
    assert torch.equal(thin.item, again.item)


def test_a_purchase_that_no_source_proposed_is_no_example(
    known: Known, sources: Sources, ranker: Ranker
) -> None:
    made = examples(known, sources, ranker, Sampling())
    users = known.user_inputs(np.arange(len(known.users.ids)))
    positions = gather(known, users, sources, exclude_purchased=False).positions
    assert len(made.item) == int((positions >= 0).sum())


def test_strangers_among_the_examples_own_nothing(
    known: Known, sources: Sources, ranker: Ranker
) -> None:
    made = examples(known, sources, ranker, Sampling(unknown_share=1.0))
    assert not made.crosses[:, 0].any()
    assert made.users["user_float"].isnan().all()


def test_users_come_in_another_order_every_epoch_and_in_their_own_for_validation(
    known: Known, sources: Sources, ranker: Ranker
) -> None:
    made = examples(known, sources, ranker, Sampling())
    mixed, plain = UserOrder(made, 4, seed=1), UserOrder(made, 4, seed=None)
    first, second = (np.concatenate(list(mixed)).tolist() for _ in range(2))
    assert first != second
    assert sorted(first) == np.concatenate(list(plain)).tolist() == plain.users.tolist()
    assert len(list(mixed)) == len(mixed)
