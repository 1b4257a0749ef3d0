import numpy as np
import pytest
import torch

from tests.unit.training.bundle.shop import random_ranker
from training.candidates import Sources, gather
from training.known import Known, with_rows
from training.learning.ranker_examples import (
    ExampleBatches,
    Sampling,
    UserOrder,
    examples,
    together,
)
from training.models.inputs import NULL_ROW
from training.models.ranker import NETWORKS, Ranker
from training.models.retrievers import Retrievers


@pytest.mark.parametrize("network", NETWORKS)
def test_the_batches_score_as_the_module_that_ships(
    known: Known, sources: Sources, searches: Retrievers, network: str
) -> None:
    torch.manual_seed(1)
    ranker = random_ranker(known.prepared, searches, network)
    made = examples(known, sources, ranker, Sampling())
    twice = together([made, made])  # the second's users and items lie further on
    which = np.array([len(known.users.ids) + 4, 2])
    batch = ExampleBatches(twice)[which]
    users = known.user_inputs(np.array([4, 2]))
    positions = gather(known, users, sources, exclude_purchased=False).positions
    tensors = with_rows(known.prepared, known.schema, users | known.item_inputs(positions))
    with torch.no_grad():
        taught = torch.sigmoid(ranker.logit(batch))[batch["mask"]]
        whole = ranker(tensors)[torch.from_numpy(positions >= 0)]
    assert taught.numpy() == pytest.approx(whole.numpy(), abs=1e-6)


def test_users_with_fewer_candidates_are_padded_by_what_is_masked(
    known: Known, sources: Sources, ranker: Ranker
) -> None:
    made = examples(known, sources, ranker, Sampling(negative_share=0.5))
    which = np.array([3, 0, 7])
    batch = ExampleBatches(made)[which]
    counts = np.diff(made.offsets)[which]
    assert len(set(counts.tolist())) > 1
    assert batch["mask"].sum(dim=1).tolist() == counts.tolist()
    assert batch["item_id__row"].shape == batch["bought"].shape == (3, counts.max())
    for row, user in enumerate(which):
        mine = slice(made.offsets[user], made.offsets[user + 1])
        real = batch["mask"][row]
        assert torch.equal(batch["crosses"][row][real], made.crosses[mine])
        assert torch.equal(batch["bought"][row][real], made.bought[mine])
        rows = made.items["item_id__row"][made.item[mine]]
        assert torch.equal(batch["item_id__row"][row][real], rows)


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
    assert (made.users["recent_item__row"] == NULL_ROW).all()
    assert (made.users["recent_s"] == -1).all()


def test_users_come_in_another_order_every_epoch_and_in_their_own_for_validation(
    known: Known, sources: Sources, ranker: Ranker
) -> None:
    made = examples(known, sources, ranker, Sampling())
    mixed, plain = UserOrder(made, 4, seed=1), UserOrder(made, 4, seed=None)
    first, second = (np.concatenate(list(mixed)).tolist() for _ in range(2))
    assert first != second
    assert sorted(first) == np.concatenate(list(plain)).tolist() == plain.users.tolist()
    assert len(list(mixed)) == len(mixed)
