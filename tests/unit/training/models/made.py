"""Small configurations, histories and batches: made up, without a data set."""

import numpy as np
import torch
from torch import Tensor

from training.models.history import Tokens
from training.models.inputs import AFFINITY_CROSSES, NULL_ROW, OWNED_CROSSES, FeatureConfig
from training.models.item_to_item import ItemToItemConfig
from training.models.ranker import NETWORKS, SCORES
from training.models.ranker_config import RankerConfig
from training.models.two_tower import TwoTowerConfig

ITEMS, LENGTH, NOW_S, DAY_S = 14, 6, 1_700_000_000, 86_400
TAUGHT = tuple(name for name in NETWORKS if name != "trees")  # by gradients
ACTIONS = ("click", "view")  # beside the target
PLAIN = {"mean": 1.0, "std": 2.0, "log1p": 0.0}
FEATURES = FeatureConfig(
    items=ITEMS,
    user_statistics=[PLAIN, PLAIN | {"log1p": 1.0}],
    item_statistics=[PLAIN] * 3,
    user_categories=[5],
    item_categories=[4, 6],
    affinities=[1],
    affinity_names=["shelf"],
)


def ranker_config(network: str, **changed: object) -> RankerConfig:
    """Nothing is dropped unless asked for."""
    small = {
        "hidden": (12, 8),
        "dropout": 0.0,
        "embedding_dropout": 0.0,
        "dimension": 8,
        "length": LENGTH,
        "heights": (2, 3),
        "channels": 3,
        "vertical": 2,
        "cross_rank": 4,
    }
    tower = TwoTowerConfig(FEATURES, 8, 4, 0.0)
    return RankerConfig(FEATURES, tower, ItemToItemConfig(FEATURES, 4), network, **small | changed)


def tokens(lengths: list[int], size: int = 8, seed: int = 0, width: int = LENGTH) -> Tokens:
    """Histories of these lengths; behind them stands what must not be read."""
    draw = np.random.default_rng(seed)
    values = torch.from_numpy(draw.normal(size=(len(lengths), width, size)).astype(np.float32))
    days = torch.from_numpy(draw.uniform(0, 90, (len(lengths), width)).astype(np.float32))
    real = torch.arange(width)[None] < torch.tensor(lengths)[:, None]
    return Tokens(values, real, days)


def history(lengths: list[int], seed: int = 0) -> dict[str, Tensor]:
    """The inputs of histories: rows, seconds of each, newest first, and the time of the request."""
    draw = np.random.default_rng(seed)
    rows = np.full((len(lengths), LENGTH), NULL_ROW)
    times = np.full((len(lengths), LENGTH), -1)
    for line, length in enumerate(lengths):
        rows[line, :length] = draw.integers(2, ITEMS, length)
        times[line, :length] = NOW_S - np.sort(draw.integers(0, 90 * DAY_S, length))
    return {
        "recent_item__row": torch.from_numpy(rows),
        "recent_s": torch.from_numpy(times),
        "request_time": torch.full((len(lengths), 1), NOW_S),
    }


def users(count: int, seed: int = 0) -> dict[str, Tensor]:
    """All that any retriever reads of a person."""
    draw = np.random.default_rng(seed)
    lengths = [n % (LENGTH + 1) for n in range(count)]
    owned = np.where(np.arange(4) < 3, draw.integers(2, ITEMS, (count, 4)), NULL_ROW)
    return history(lengths, seed) | {
        "owned_item__row": torch.from_numpy(owned),
        "owned_score": torch.from_numpy(draw.uniform(0, 5, (count, 4)).astype(np.float32)),
        "shelf_key__row": torch.from_numpy(draw.integers(0, 6, (count, 3))),
        "shelf_share": torch.from_numpy(draw.random((count, 3)).astype(np.float32)),
        "user_key__row": torch.from_numpy(draw.integers(0, 5, (count, 1))),
        "user_float": torch.from_numpy(draw.normal(1, 2, (count, 2)).astype(np.float32)),
    }


def examples(
    count: int, candidates: int, seed: int = 0, actions: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """A batch for rankers; the last users have fewer candidates."""
    draw = np.random.default_rng(seed)
    shape = (count, candidates)
    crosses = OWNED_CROSSES + AFFINITY_CROSSES * len(FEATURES.affinities) + SCORES
    done = np.random.default_rng(seed + 1).random((*shape, len(actions))) < 0.4
    mask = np.arange(candidates)[None] < np.maximum(candidates - np.arange(count), 1)[:, None]
    return users(count, seed) | {
        "item_id__row": torch.from_numpy(draw.integers(0, ITEMS, shape)),
        "item_key__row": torch.from_numpy(draw.integers(0, 4, (*shape, 2))),
        "item_float": torch.from_numpy(draw.normal(1, 2, (*shape, 3)).astype(np.float32)),
        "crosses": torch.from_numpy(draw.normal(size=(*shape, crosses)).astype(np.float32)),
        "bought": torch.from_numpy((draw.random(shape) < 0.4).astype(np.float32)),
        "others": torch.from_numpy(done.astype(np.float32)),
        "mask": torch.from_numpy(mask),
    }
