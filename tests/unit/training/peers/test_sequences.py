"""SASRec and GRU4Rec, and what they share."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from tests.unit.training.peers.conftest import Bought
from training.peers import gru4rec, sasrec
from training.peers.coded import coded
from training.peers.pages import Pages
from training.peers.sequences import NextItem, batches, by_user, frequencies, loss, sampler

CYCLE = 7
Learned = Callable[[pl.DataFrame, datetime, pl.Series, int], Pages]


def by_sasrec(history: pl.DataFrame, cutoff: datetime, users: pl.Series, negatives: int) -> Pages:
    parameters = sasrec.SasRec(
        dimension=16, length=8, epochs=12, batch=4, learning_rate=1e-2, negatives=negatives
    )
    return sasrec.rank(history, cutoff, users, 1, parameters, seed=2)


def by_gru4rec(history: pl.DataFrame, cutoff: datetime, users: pl.Series, negatives: int) -> Pages:
    parameters = gru4rec.Gru4Rec(
        dimension=16,
        units=16,
        length=8,
        epochs=12,
        batch=4,
        learning_rate=1e-2,
        negatives=negatives,
    )
    return gru4rec.rank(history, cutoff, users, 1, parameters, seed=2)


@pytest.mark.parametrize("peer", [by_sasrec, by_gru4rec])
@pytest.mark.parametrize("negatives", [0, 5])
def test_what_always_follows_is_learned(
    peer: Learned, negatives: int, bought: Bought, cutoff: datetime
) -> None:
    rows = [
        (user, (user + step) % CYCLE + 1, user * 100 + step, 40.0 - step)
        for user in range(1, 15)
        for step in range(20)
    ]
    users = pl.Series(range(1, 15))
    found = peer(bought(rows), cutoff, users, negatives).any[:, 0]
    assert found.tolist() == [(user + 20) % CYCLE + 1 for user in users]


@pytest.mark.parametrize("parameters", [sasrec.SasRec(length=6), gru4rec.Gru4Rec(length=6)])
def test_a_place_knows_nothing_of_later_ones(
    parameters: sasrec.SasRec | gru4rec.Gru4Rec, shop: pl.DataFrame, cutoff: datetime
) -> None:
    is_sasrec = isinstance(parameters, sasrec.SasRec)
    encoder = sasrec.Encoder(parameters) if is_sasrec else gru4rec.Encoder(parameters)
    model = NextItem(encoder, coded(shop, cutoff), parameters.dimension).eval()
    rows = torch.tensor([[3, 1, 4, 1, 5, 9]])
    changed = torch.tensor([[3, 1, 4, 2, 6, 0]])
    torch.testing.assert_close(model(rows)[:, :3], model(changed)[:, :3])
    assert not torch.allclose(model(rows)[:, 3], model(changed)[:, 3])


def test_the_softmax_over_all_items_is_pytorchs(shop: pl.DataFrame, cutoff: datetime) -> None:
    at = coded(shop, cutoff)
    model = NextItem(nn.Identity(), at, 8)
    window = torch.tensor([[3, 1, 4], [2, 5, 0]])
    vectors = model.table.weight[torch.tensor([3, 1, 2])]
    logits = vectors @ model.table.weight[1:].T + model.bias[1:]
    expected = nn.functional.cross_entropy(logits, torch.tensor([0, 3, 4]))
    found = loss(model, window, None, np.random.default_rng(0))
    torch.testing.assert_close(found, expected)


def test_many_sampled_items_come_near_to_all(shop: pl.DataFrame, cutoff: datetime) -> None:
    at = coded(shop, cutoff)
    torch.manual_seed(0)
    model = NextItem(nn.Identity(), at, 8)
    nn.init.normal_(model.table.weight)
    window = torch.tensor([[3, 1, 4], [2, 5, 0]])
    draw = np.random.default_rng(0)
    whole = loss(model, window, None, draw)
    sampled = loss(model, window, sampler(at, 200_000), draw)
    torch.testing.assert_close(sampled, whole, rtol=0.02, atol=0)


def test_frequencies_are_shares_of_the_purchases(bought: Bought, cutoff: datetime) -> None:
    at = coded(bought([(1, 9, 1, 5), (2, 9, 2, 4), (2, 8, 3, 3), (1, 9, 4, 2)]), cutoff)
    assert frequencies(at).tolist() == [0.25, 0.75, 0.25]


def test_windows_end_at_the_latest_and_no_target_is_twice_in_them(
    bought: Bought, cutoff: datetime
) -> None:
    # User 1 has ten purchases, user 2 two, user 3 one, which nothing precedes.
    rows = [(1, item, item, 20 - item) for item in range(1, 11)]
    at = coded(bought([*rows, (2, 3, 30, 9), (2, 4, 31, 8), (3, 5, 32, 7)]), cutoff)
    places, offsets = by_user(at, np.random.default_rng(0))
    keys = np.concatenate([[0], at.item_keys])  # of rows, 0 for padding
    lesson = sasrec.SasRec(length=4, windows=2, epochs=1, batch=8, learning_rate=1, negatives=0)
    (found,) = batches(places, offsets, lesson, np.random.default_rng(1))
    assert sorted(keys[found].tolist()) == [
        [2, 3, 4, 5, 6],
        [3, 4, 0, 0, 0],
        [6, 7, 8, 9, 10],
    ]


def test_only_what_was_bought_at_one_time_is_shuffled(bought: Bought, cutoff: datetime) -> None:
    rows = [(1, 50 + n, 1, 9) for n in range(6)] + [(1, 70 + n, 2, 5) for n in range(6)]
    at = coded(bought(rows), cutoff)
    orders = [at.item_keys[by_user(at, np.random.default_rng(n))[0] - 1] for n in range(2)]
    for order in orders:
        assert sorted(order[:6]) == list(range(50, 56))
        assert sorted(order[6:]) == list(range(70, 76))
    assert orders[0].tolist() != orders[1].tolist()
