"""The crosses against a loop in numpy over users, candidates and list entries."""

from math import log

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.models.inputs import (
    AFFINITY_CROSSES,
    OWNED_CROSSES,
    AffinityCrosses,
    Floats,
    OwnedCrosses,
    looked_up,
)

NOW_S = 1_700_000_000
DAY_S = 86_400
MAX = 512


def owned_lists(length: int, present: int, seed: int = 1) -> dict[str, NDArray[np.generic]]:
    """One user's lists, `present` entries of `length`; some intervals and times are null."""
    draw = np.random.default_rng(seed)
    item = np.full(length, -1, dtype=np.int64)
    score, month, year = (np.full(length, np.nan, dtype=np.float32) for _ in range(3))
    count, interval = score.copy(), score.copy()
    last = item.copy()
    item[:present] = draw.permutation(5000)[:present]
    score[:present] = np.sort(draw.uniform(0.01, 9, present))[::-1]
    year[:present] = score[:present] * draw.uniform(1, 3, present)
    month[:present] = score[:present] * draw.uniform(0, 1, present)
    month[2:present:7] = np.nan
    count[:present] = draw.integers(1, 20, present)
    last[:present] = NOW_S - draw.integers(0, 300 * DAY_S, present)
    interval[:present] = np.where(count[:present] > 1, draw.uniform(0, 60, present), np.nan)
    if present > 1:
        last[1] = -1
    return {
        "owned_item": item[None],
        "owned_score": score[None],
        "owned_score_28": month[None],
        "owned_score_364": year[None],
        "owned_count": count[None],
        "owned_last_s": last[None],
        "owned_interval_days": interval[None],
    }


def days_since(last_s: float) -> float:
    return max(NOW_S - last_s, 0) / DAY_S if last_s >= 0 else 0.0


def rhythm(days: float, interval: float) -> list[float]:
    if not interval > 0:
        return [0.0, 0.0, 0.0]
    ratio = log(days / max(interval, 0.5) + 1)
    return [1.0, ratio, abs(ratio - 0.6931)]


def slow(item: int, owned: dict[str, NDArray[np.generic]]) -> list[float]:
    listed = owned["owned_item"][0].tolist()
    if item < 0 or item not in listed:
        return [0.0] * OWNED_CROSSES
    place = listed.index(item)
    value = {name: float(values[0, place]) for name, values in owned.items()}
    days = days_since(value["owned_last_s"])
    score, month, year = (np.nan_to_num(value[f"owned_score{of}"]) for of in ("", "_28", "_364"))
    return [
        1.0,
        log(value["owned_count"] + 1),
        log(days + 1),
        log(score + 1),
        log(month + 1),
        log(year + 1),
        month / 28 / (month / 28 + year / 364),
        score / np.nansum(owned["owned_score"]) * 10,
        1 / (place + 1),
        *rhythm(days, value["owned_interval_days"]),
    ]


def crosses(items: list[int], owned: dict[str, NDArray[np.generic]]) -> NDArray[np.float32]:
    tensors = {name: torch.from_numpy(values) for name, values in owned.items()}
    found = OwnedCrosses()(torch.tensor([[NOW_S]]), torch.tensor([items]), tensors)
    return found[0].numpy()


@pytest.mark.parametrize("present", [0, 1, 2, 17, MAX])
def test_owned_crosses_equal_a_loop_over_the_list(present: int) -> None:
    owned = owned_lists(MAX, present)
    items = [*owned["owned_item"][0, :40].tolist(), 123_456, -1]
    found = crosses(items, owned)
    assert found == pytest.approx(np.array([slow(i, owned) for i in items]), abs=2e-5)


def test_padding_a_list_changes_nothing() -> None:
    items = [*owned_lists(20, 20)["owned_item"][0].tolist(), -1, 99_999]
    short = crosses(items, owned_lists(20, 20))
    assert crosses(items, owned_lists(MAX, 20)) == pytest.approx(short, abs=1e-6)


def test_the_trend_tells_a_habit_from_a_beginning_and_an_end() -> None:
    """Ten years of one purchase a week, one yesterday, and one two years ago."""
    weekly, once, long_ago = np.arange(0, 3650, 7.0), np.array([1.0]), np.array([730.0])
    scores = {
        name: np.array([[(0.5 ** (ages / days)).sum() for ages in (weekly, once, long_ago)]])
        for name, days in (("owned_score_28", 28), ("owned_score_364", 364))
    }
    owned = owned_lists(3, 3) | {name: values.astype(np.float32) for name, values in scores.items()}
    trend = crosses(owned["owned_item"][0].tolist(), owned)[:, 6]
    assert trend == pytest.approx([0.5, 0.93, 0.0], abs=0.03)


def test_nothing_absurd_comes_of_a_broken_row() -> None:
    owned = owned_lists(4, 4)
    wrong = np.array([[np.nan, np.inf, -1e30, 3e38]], dtype=np.float32)
    for name in ("owned_score", "owned_score_28", "owned_score_364", "owned_count"):
        owned[name] = wrong
    owned["owned_interval_days"] = wrong[:, ::-1].copy()
    owned["owned_last_s"] = np.array([[-(2**62), 2**62, -1, 0]])
    found = crosses(owned["owned_item"][0].tolist(), owned)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 25
    assert ((found[:, 6] >= 0) & (found[:, 6] <= 1)).all()


def slow_affinity(key: int, of: dict[str, NDArray[np.generic]]) -> list[float]:
    listed = of["key"][0].tolist()
    if key < 0 or key not in listed:
        return [0.0] * AFFINITY_CROSSES
    value = {part: float(values[0, listed.index(key)]) for part, values in of.items()}
    days = days_since(value["last_s"])
    shared = [log(value["share"] * 100 + 1), 1.0, log(days + 1)]
    return shared + rhythm(days, value["interval_days"])


@pytest.mark.parametrize("present", [0, 1, 40, 128])
def test_affinity_crosses_equal_a_loop_over_each_columns_list(present: int) -> None:
    lists = [
        {
            "key": owned["owned_item"],
            "share": owned["owned_score"] / 10,
            "last_s": owned["owned_last_s"],
            "interval_days": owned["owned_interval_days"],
        }
        for owned in (owned_lists(128, present, seed) for seed in (1, 2))
    ]
    draw = np.random.default_rng(8)
    wanted = [np.append(draw.permutation(of["key"][0])[:30], [-1, 123_456]) for of in lists]
    found = AffinityCrosses()(
        torch.tensor([[NOW_S]]),
        [torch.from_numpy(keys)[None] for keys in wanted],
        [{part: torch.from_numpy(values) for part, values in of.items()} for of in lists],
    )
    assert found.shape[-1] == 2 * AFFINITY_CROSSES
    expected = [
        [
            value
            for keys, of in zip(wanted, lists, strict=True)
            for value in slow_affinity(keys[n], of)
        ]
        for n in range(32)
    ]
    assert found[0].numpy() == pytest.approx(np.array(expected), abs=2e-5)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 100, 511, 512, 513])
def test_what_is_looked_up_is_what_a_dictionary_gives(length: int) -> None:
    draw = np.random.default_rng(length)
    listed = draw.permuted(np.tile(np.arange(2 * length), (3, 1)), axis=1)[:, :length]
    listed[1, length // 2 :] = -1
    listed[2] += 2**62
    values = draw.uniform(-1, 1, (3, length, 2)).astype(np.float32)
    wanted = np.concatenate([listed, np.full((3, 1), -1), draw.integers(0, 2**62, (3, 9))], axis=1)
    found = looked_up(*(torch.from_numpy(of) for of in (wanted, listed, values)))
    for row in range(3):
        by_key = dict(zip(listed[row].tolist(), values[row].tolist(), strict=True)) | {
            -1: [0.0, 0.0]
        }
        expected = [by_key.get(key, [0.0, 0.0]) for key in wanted[row].tolist()]
        np.testing.assert_array_equal(found[row].numpy(), expected)


def test_a_null_float_is_the_mean_and_says_so() -> None:
    floats = Floats(
        [{"mean": 2.0, "std": 4.0, "log1p": 0.0}, {"mean": 1.0, "std": 1.0, "log1p": 1.0}]
    )
    found = floats(torch.tensor([[float("nan"), 0.0], [6.0, float("nan")], [1e9, -3.0]])).numpy()
    assert found.tolist() == [[0, -1, 1, 0], [1, 0, 0, 1], [5, -1, 0, 0]]
