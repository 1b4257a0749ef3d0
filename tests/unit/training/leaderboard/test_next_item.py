"""The teacher of the next item: on a cycle that it has to learn, and its batches against plain loops."""

from collections import Counter

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.leaderboard.next_item import (
    FIRST_ROW,
    UNKNOWN,
    Described,
    Histories,
    Plan,
    Windows,
    log_likely,
    teach,
    windows,
)
from training.models.gru4rec import Gru4Rec
from training.models.inputs import NULL_ROW, FeatureConfig
from training.models.sasrec import SasRec
from training.models.sequence_config import SequenceConfig

ITEMS = 12
DESCRIBED = Described(torch.zeros((ITEMS, 0), dtype=torch.int64), torch.zeros((ITEMS, 1)))
KINDS = (SasRec, Gru4Rec)


def walks(lengths: list[int], seed: int = 3) -> Histories:
    """Each person walks round the cycle of items from somewhere, a minute a step."""
    draw = np.random.default_rng(seed)
    items = [(draw.integers(ITEMS) + np.arange(n)) % ITEMS for n in lengths]
    seconds = [1_000_000 + 60 * np.arange(n) for n in lengths]
    offsets = np.append(0, np.cumsum(lengths))
    return Histories(np.concatenate(items), np.concatenate(seconds), offsets, ITEMS)


def model(kind: type[SasRec] | type[Gru4Rec], length: int = 6) -> SasRec | Gru4Rec:
    statistics = [{"mean": 0.0, "std": 1.0, "log1p": 0.0}]
    features = FeatureConfig(ITEMS + FIRST_ROW, [], statistics, [], [], [], [])
    torch.manual_seed(5)
    return kind(SequenceConfig(features, dimension=16, length=length, dropout=0.1))


def taught(kind: type[SasRec] | type[Gru4Rec], of: Histories) -> NDArray[np.float32]:
    fresh = model(kind)
    teach(fresh, of, DESCRIBED, Plan(epochs=40, batch=16, learning_rate=1e-2), seed=7)
    return log_likely(fresh, of, DESCRIBED)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cycle_is_learned_and_the_same_seed_gives_the_same(
    kind: type[SasRec] | type[Gru4Rec],
) -> None:
    known, last = walks([4 + n % 5 for n in range(120)]).without_last()
    found = taught(kind, known)
    assert (found.argmax(axis=1) == last).mean() > 0.9
    assert np.array_equal(found, taught(kind, known))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_taken_is_barred_and_the_rest_adds_up_to_one(
    kind: type[SasRec] | type[Gru4Rec],
) -> None:
    of = walks([1, 5, 11])
    found = log_likely(model(kind).eval(), of, DESCRIBED)
    for user in range(of.users):
        taken = set(of.items[of.offsets[user] : of.offsets[user + 1]].tolist())
        assert set(np.flatnonzero(np.isneginf(found[user])).tolist()) == taken
    assert np.allclose(np.exp(found).sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_no_moment_knows_what_is_newer_nor_when_it_was_taken(
    kind: type[SasRec] | type[Gru4Rec],
) -> None:
    of = walks([1, 6, 9, 3])
    net = model(kind).eval()
    with torch.no_grad():
        net.history.clocks.weight.mul_(10.0)  # what a time says shows
        for layer in getattr(net, "layers", ()):
            layer.attention.fading.fill_(2.0)
    batch = windows(of, np.arange(4), of.offsets[1:], 6)
    rows, seconds = batch["recent_item__row"], batch["recent_s"]
    real = rows != NULL_ROW
    other, later = rows.clone(), seconds.clone()
    other[:, :2] = torch.where(real[:, :2], 3, NULL_ROW)
    later[:, :2] = torch.where(real[:, :2], seconds[:, :2] + 40 * 86_400, -1)
    with torch.no_grad():
        moments = net.moments(batch)
        for name, changed in (("recent_item__row", other), ("recent_s", later)):
            found = net.moments(batch | {name: changed})
            assert torch.allclose(moments[:, 2:][real[:, 2:]], found[:, 2:][real[:, 2:]], atol=1e-6)
            assert not torch.allclose(moments[1, 1], found[1, 1], atol=1e-3), name


def test_a_moment_is_the_newest_of_the_history_up_to_it() -> None:
    """SASRec tells places from the newest, so that a shorter history is another one to it."""
    of = walks([6])
    net = model(Gru4Rec).eval()
    with torch.no_grad():
        whole = net.moments(windows(of, np.array([0]), np.array([6]), 6))
        for back in range(6):
            shorter = net.moments(windows(of, np.array([0]), np.array([6 - back]), 6))
            assert torch.allclose(whole[0, back], shorter[0, 0], atol=1e-6)


def test_windows_are_newest_first_and_empty_behind() -> None:
    of = Histories(np.array([4, 2, 9]), np.array([10, 20, 30]), np.array([0, 1, 3]), ITEMS)
    batch = windows(of, np.array([0, 1]), np.array([1, 3]), 2)
    assert batch["recent_item__row"].tolist() == [[6, NULL_ROW], [11, 4]]
    assert batch["recent_s"].tolist() == [[10, -1], [30, 20]]


def test_an_epoch_asks_once_for_each_item_but_the_first_and_bars_those_before() -> None:
    of = walks([1, 2, 7, 11, 12])
    batches = Windows(of, 3, 2, seed=1)
    for _ in range(3):
        asked: Counter[tuple[int, ...]] = Counter()
        parts = list(batches)
        assert len(parts) == batches.batches
        for batch in parts:
            places = batch["asked"].nonzero().tolist()
            for (window, token), wanted, taken in zip(
                places, batch["wanted"].tolist(), batch["taken"].numpy(), strict=True
            ):
                newest = batch["recent_item__row"][window, token].item() - FIRST_ROW
                assert wanted == (newest + 1) % ITEMS
                before = tuple(np.flatnonzero(taken).tolist())
                assert newest in before
                assert wanted not in before
                asked[(len(before), wanted)] += 1
        expected = Counter(
            (place, int(of.items[start + place]))
            for start, end in zip(of.offsets[:-1], of.offsets[1:], strict=True)
            for place in range(1, end - start)
        )
        assert asked == expected


def test_the_last_item_is_taken_off_where_there_are_two() -> None:
    of = Histories(np.array([4, 2, 9]), np.array([10, 20, 30]), np.array([0, 1, 3]), ITEMS)
    known, last = of.without_last()
    assert known.items.tolist() == [4, 2]
    assert known.seconds.tolist() == [10, 20]
    assert known.offsets.tolist() == [0, 1, 2]
    assert last.tolist() == [UNKNOWN, 9]
