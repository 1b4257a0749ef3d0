"""Grows the trees of the tree member by LightGBM, and packs them into its module."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log
from typing import Any

import lightgbm
import numpy as np
import torch
from torch import Tensor

from training.learning.ranker_examples import ExampleBatches, Examples, UserOrder
from training.models.ranker import Ranker
from training.models.trees import TreeNetwork

USERS = 256  # whose candidates are made columns together
IN_LEAF = (20, 1000)


@dataclass(frozen=True, slots=True)
class Growth:
    """How trees are grown; what isn't named is LightGBM's default."""

    learning_rate: float = 0.05
    min_data_in_leaf: int | None = None  # None: a thousandth of the examples, within IN_LEAF
    feature_fraction: float = 0.6
    bagging_fraction: float = 0.8
    lambda_l2: float = 1.0
    patience: int = 30  # rounds without a lower validation loss
    threads: int = 0
    seed: int = 7


def grow(
    ranker: Ranker, taught: Examples, judged: Examples, growth: Growth, negative_share: float
) -> list[dict[str, float]]:
    """Grows and packs in place; gives the curve, a line for every ten rounds and the last.

    Thinned negatives make the odds too high: as with the other members the offset makes up for it.
    `judged` decides when to stop.
    """
    network = ranker.network
    assert isinstance(network, TreeNetwork)
    ranker.offset.fill_(log(negative_share))
    raw, bought = columns(ranker, taught)
    network.learn_rates(raw, bought)
    examples = lightgbm.Dataset(network.told(raw).numpy(), bought.numpy())
    raw, outcome = columns(ranker, judged)
    watched = network.told(raw).numpy()
    start = np.full(len(outcome), log(negative_share))
    validation = lightgbm.Dataset(watched, outcome.numpy(), reference=examples, init_score=start)
    losses: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        _parameters(ranker, growth, len(bought)),
        examples,
        ranker.config.trees,
        valid_sets=[examples, validation],
        valid_names=["train", "validation"],
        callbacks=[
            lightgbm.early_stopping(growth.patience, verbose=False, first_metric_only=True),
            lightgbm.record_evaluation(losses),
        ],
    )
    pack(network, booster.dump_model(num_iteration=booster.best_iteration))
    count = booster.current_iteration()
    rounds = sorted({*range(9, count, 10), count - 1})
    train, found = (losses[name]["binary_logloss"] for name in ("train", "validation"))
    return [{"epoch": r + 1, "train_loss": train[r], "log_loss": found[r]} for r in rounds]


def pack(network: TreeNetwork, dumped: Mapping[str, Any]) -> None:
    """Writes LightGBM's trees into the module's buffers; what isn't grown stays a leaf of 0.

    A threshold is rounded down to float32, so that a float32 number lies on the same side of it.
    """
    for number, tree in enumerate(dumped["tree_info"]):
        rows = list(_nodes(tree["tree_structure"]))
        for at, (feature, threshold, left, right, value) in enumerate(rows):
            network.feature[number, at] = feature
            network.threshold[number, at] = _down(threshold)
            network.left[number, at] = left
            network.right[number, at] = right
            network.value[number, at] = value


def _nodes(root: Mapping[str, Any]) -> Iterator[tuple[int, float, int, int, float]]:
    """Feature, threshold, places of the left and right children, and a leaf's value; the root first."""
    queue, place = [root], 1
    for at, node in enumerate(queue):  # grows while it is walked through
        if "leaf_value" in node:
            yield 0, 0.0, at, at, float(node["leaf_value"])
            continue
        queue += [node["left_child"], node["right_child"]]
        yield int(node["split_feature"]), float(node["threshold"]), place, place + 1, 0.0
        place += 2


def _down(threshold: float) -> float:
    near = np.float32(threshold)
    return float(near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf)))


def _parameters(ranker: Ranker, growth: Growth, examples: int) -> dict[str, Any]:
    config = ranker.config
    fewest, most = IN_LEAF
    in_leaf = growth.min_data_in_leaf or min(most, max(fewest, examples // 1000))
    return {
        "objective": "binary",
        "num_leaves": config.leaves,
        "max_depth": config.tree_depth,
        "learning_rate": growth.learning_rate,
        "min_data_in_leaf": in_leaf,
        "feature_fraction": growth.feature_fraction,
        "bagging_fraction": growth.bagging_fraction,
        "bagging_freq": 1,
        "lambda_l2": growth.lambda_l2,
        "use_missing": False,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": growth.threads or torch.get_num_threads(),
        "seed": growth.seed,
        "verbose": -1,
    }


def columns(ranker: Ranker, examples: Examples) -> tuple[Tensor, Tensor]:
    """(R, W) the raw evidence of every candidate, and (R,) what came of it."""
    batches = ExampleBatches(examples)
    raw, bought = [], []
    for which in UserOrder(examples, USERS, None):
        batch = batches[which]
        raw.append(ranker.raw(batch)[batch["mask"]])
        bought.append(batch["bought"][batch["mask"]])
    return torch.cat(raw), torch.cat(bought)
