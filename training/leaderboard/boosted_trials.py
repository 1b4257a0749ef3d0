"""What tuning of boosted trees may choose from, and the trials of it."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from training.leaderboard.boosting import Boosted, Parameters

SPACE: Mapping[str, tuple[float, ...]] = {
    "learning_rate": (0.03, 0.05, 0.08),
    "num_leaves": (31, 63, 127, 255),
    "min_data_in_leaf": (50, 200, 500, 1000),
    "feature_fraction": (0.4, 0.6, 0.8, 1.0),
    "bagging_fraction": (0.6, 0.8, 1.0),
    "lambda_l2": (0.0, 1.0, 5.0, 20.0),
}


@dataclass(frozen=True, slots=True)
class Trial:
    parameters: Parameters
    log_loss: float
    rounds: int
    seconds: float


def tried(score: Callable[[Parameters], Boosted], count: int, seed: int) -> Iterator[Trial]:
    """The defaults first, then parameters drawn from the space."""
    draw = np.random.default_rng(seed)
    for number in range(count):
        drawn = {name: draw.choice(values).item() for name, values in SPACE.items()}
        parameters = replace(Parameters(), **drawn) if number else Parameters()
        began = time.perf_counter()
        trees = score(parameters)
        assert trees.log_loss is not None  # of a probability
        seconds = round(time.perf_counter() - began, 1)
        yield Trial(parameters, trees.log_loss, trees.rounds, seconds)
