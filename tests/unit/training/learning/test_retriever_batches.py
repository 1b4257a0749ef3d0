import numpy as np
import pytest
import torch

from training.data import Prepared
from training.known import Known
from training.learning.retriever_batches import (
    FIRST_ROW,
    Moment,
    RetrieverBatches,
    RetrieverValidation,
    ShuffledUsers,
    read_moment,
)
from training.schema import Schema

WIDTHS = 512


@pytest.fixture(scope="module")
def moment(prepared: Prepared, of: Schema, known: Known) -> Moment:
    return read_moment(prepared, of, known.cutoff)


def widths(of: Schema) -> dict[str, int]:
    return {f"{i.name}{suffix}": i.length for i in of.inputs for suffix in ("", "__row")}


def buyers(moment: Moment) -> np.ndarray:
    return np.flatnonzero(moment.bought.lengths)


def test_negatives_are_never_owned_nor_bought(moment: Moment, of: Schema) -> None:
    batches = RetrieverBatches([moment], widths(of), negatives=64, unknown=0.0, seed=1)
    which = buyers(moment)
    batch = batches[(0, which)]
    pool = batch["pool_row"].numpy() - FIRST_ROW
    free = ~batch["barred"].numpy()
    for i, user in enumerate(which):
        owned = moment.users.lists["owned_item__row"].pad(np.array([user]), 512)[0] - FIRST_ROW
        bought = moment.bought.pad(np.array([user]), 512)[0]
        assert not set(pool[free[i]].tolist()) & {*owned.tolist(), *bought.tolist()}
    assert free.any(axis=1).all()


def test_every_first_purchase_is_a_positive(moment: Moment, of: Schema) -> None:
    batch = RetrieverBatches([moment], widths(of), 64, 0.0, 1)[(0, buyers(moment))]
    pool = batch["pool_row"].numpy() - FIRST_ROW
    found = {
        (int(u), int(pool[i]))
        for u, i in zip(batch["bought_user"], batch["bought_item"], strict=True)
    }
    expected = {
        (row, int(item))
        for row, user in enumerate(buyers(moment))
        for item in moment.bought.pad(np.array([user]), 512)[0]
        if item >= 0
    }
    assert found == expected


def test_the_same_seed_draws_the_same_batches(moment: Moment, of: Schema) -> None:
    first, second = (
        RetrieverBatches([moment], widths(of), 64, 0.2, 9)[(0, buyers(moment))] for _ in range(2)
    )
    for name, values in first.items():
        assert torch.equal(values.nan_to_num(-7), second[name].nan_to_num(-7)), name


def test_a_user_made_a_stranger_has_no_input_left(moment: Moment, of: Schema) -> None:
    batch = RetrieverBatches([moment], widths(of), 64, 1.0, 1)[(0, buyers(moment))]
    assert (batch["owned_item__row"] == 1).all()
    assert batch["user_float"].isnan().all()
    assert batch["owned_score"].isnan().all()


def test_an_epoch_visits_every_buyer_once_in_another_order(moment: Moment) -> None:
    order = ShuffledUsers([moment, moment], size=7, seed=1)
    epochs = [list(order), list(order)]
    for epoch in epochs:
        assert len(epoch) == len(order)
        for position in (0, 1):
            seen = np.concatenate([which for place, which in epoch if place == position])
            assert sorted(seen.tolist()) == buyers(moment).tolist()
    assert [e[1].tolist() for e in epochs[0]] != [e[1].tolist() for e in epochs[1]]


def test_validation_bars_what_the_user_owns_and_keeps_what_it_buys(
    moment: Moment, of: Schema
) -> None:
    validation = RetrieverValidation(moment, widths(of), 5)
    for batch in (validation[i] for i in range(len(validation))):
        assert not batch["barred"][batch["bought_user"], batch["bought_item"]].any()
        assert batch["barred"].any()
