"""The crosses against a loop in numpy over users, candidates and list entries."""

from math import log

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.models.inputs import OWNED_CROSSES, AffinityCrosses, Floats, OwnedCrosses

NOW_S = 1_700_000_000
DAY_S = 86_400
MAX = 512


def owned_lists(length: int, present: int, seed: int = 1) -> dict[str, NDArray[np.generic]]:
    """One user's lists, `present` entries of `length`; some intervals and times are null."""
    draw = np.random.default_rng(seed)
    item = np.full(length, -1, dtype=np.int64)
    score = np.full(length, np.nan, dtype=np.float32)
    count, interval = score.copy(), score.copy()
    last = item.copy()
    item[:present] = draw.permutation(5000)[:present]
    score[:present] = np.sort(draw.uniform(0.01, 9, present))[::-1]
    count[:present] = draw.integers(1, 20, present)
    last[:present] = NOW_S - draw.integers(0, 300 * DAY_S, present)
    interval[:present] = np.where(count[:present] > 1, draw.uniform(0, 60, present), np.nan)
    if present > 1:
        last[1] = -1
    return {
        "owned_item": item[None],
        "owned_score": score[None],
        "owned_count": count[None],
        "owned_last_s": last[None],
        "owned_interval_days": interval[None],
    }


def slow(item: int, owned: dict[str, NDArray[np.generic]]) -> list[float]:
    listed = owned["owned_item"][0].tolist()
    if item < 0 or item not in listed:
        return [0.0] * OWNED_CROSSES
    place = listed.index(item)
    value = {name: float(values[0, place]) for name, values in owned.items()}
    days = max(NOW_S - value["owned_last_s"], 0) / DAY_S if value["owned_last_s"] >= 0 else 0.0
    interval = value["owned_interval_days"]
    rhythmic = interval > 0
    ratio = log(days / max(interval, 0.5) + 1) if rhythmic else 0.0
    share = value["owned_score"] / np.nansum(owned["owned_score"])
    return [
        1.0,
        log(value["owned_score"] + 1),
        log(value["owned_count"] + 1),
        log(days + 1),
        share * 10,
        1 / (place + 1),
        float(rhythmic),
        ratio,
        abs(ratio - 0.6931) if rhythmic else 0.0,
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


def test_affinity_crosses_are_the_share_of_the_candidates_own_category() -> None:
    keys = torch.tensor([[5, 9, -1]])
    shares = torch.tensor([[0.75, 0.25, float("nan")]])
    found = AffinityCrosses()([torch.tensor([[9, 5, 4, -1]])], [keys], [shares])[0].numpy()
    expected = [[log(26), 1], [log(76), 1], [0, 0], [0, 0]]
    assert found == pytest.approx(np.array(expected), abs=1e-5)


def test_a_null_float_is_the_mean_and_says_so() -> None:
    floats = Floats(
        [{"mean": 2.0, "std": 4.0, "log1p": 0.0}, {"mean": 1.0, "std": 1.0, "log1p": 1.0}]
    )
    found = floats(torch.tensor([[float("nan"), 0.0], [6.0, float("nan")], [1e9, -3.0]])).numpy()
    assert found.tolist() == [[0, -1, 1, 0], [1, 0, 0, 1], [5, -1, 0, 0]]
