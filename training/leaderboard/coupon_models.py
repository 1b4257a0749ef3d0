"""The models of coupon response: what tuning may choose from, and what it chose.

What is chosen (`python -m training.leaderboard.coupon_tune`) is kept in `coupon_tuned.json` beside this file,
which is committed. Our trees are LightGBM's, tuned by themselves: each model has its own draws.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.stages.fuse import likely, log_odds
from training.coupons.classifiers import (
    Classifier,
    Linear,
    Network,
    Probabilities,
    Trees,
    boosted,
    left_out,
    logistic,
    network,
)
from training.coupons.responses import Mailed
from training.learning.calibration import logistic as regression
from training.peers.tuned import parameters_of, read_chosen, write_chosen

TUNED = Path(__file__).with_name("coupon_tuned.json")
MEMBERS = ("network", "trees")  # of our entrant


@dataclass(frozen=True, slots=True)
class Weighing:
    """How far the members' weights are drawn from what was learned, 0, to their plain mean, 1."""

    evenness: float = 0.0


def fused(by: Mailed, of: Mailed, seed: int, given: Weighing) -> Probabilities:
    """Each member says what it makes of campaigns that it wasn't taught; by that they are weighed.

    A dozen campaigns teach, and a third of the mailings are of one: weights and offset learned from them
    differ much by who is left out. Their mean, without an offset, is what they are drawn to.
    """
    members = [chosen(name) for name in MEMBERS]
    held = _odds([left_out(member, by, seed) for member in members])
    weights, offset = regression(held, by.redeemed)
    learned, even = np.array(weights), np.full(len(members), 1.0 / len(members))
    drawn = (1.0 - given.evenness) * learned + given.evenness * even
    said = _odds([member(by, of, seed) for member in members])
    return likely(said @ drawn + (1.0 - given.evenness) * offset)


def _odds(said: list[Probabilities]) -> NDArray[np.float64]:
    """(R, M) log-odds."""
    return np.stack([log_odds(one.astype(np.float32)) for one in said], axis=1)


TREES: Mapping[str, tuple[float, ...]] = {
    "n_estimators": (100, 200, 400),
    "learning_rate": (0.02, 0.03, 0.05, 0.1),
    "num_leaves": (4, 8, 16),
    "min_child_samples": (10, 30, 100),
    "colsample_bytree": (0.3, 0.5, 0.8),
    "subsample": (0.6, 0.8, 1.0),
    "reg_lambda": (1.0, 5.0, 20.0),
}


@dataclass(frozen=True, slots=True)
class Model:
    """A classifier by its parameters."""

    classify: Callable[[Mailed, Mailed, int, Any], Probabilities]
    defaults: Any
    space: Mapping[str, tuple[float, ...]]
    trials: int = 6

    def by(self, parameters: object) -> Classifier:
        return partial(_said, self, parameters)


def _said(of: Model, parameters: object, by: Mailed, asked: Mailed, seed: int) -> Probabilities:
    return of.classify(by, asked, seed, parameters)


MODELS: Mapping[str, Model] = {
    "logistic": Model(
        logistic, Linear(), {"inverse_penalty": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)}
    ),
    "lightgbm": Model(boosted, Trees(), TREES),
    "network": Model(
        network,
        Network(),
        {
            "epochs": (10, 20, 30, 50),
            "learning_rate": (1e-3, 2e-3, 4e-3),
            "weight_decay": (0.01, 0.05, 0.2),
            "dropout": (0.2, 0.4, 0.6),
        },
    ),
    "trees": Model(boosted, Trees(), TREES),
    "fused": Model(fused, Weighing(), {"evenness": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)}),
}


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best of so many trials, and its log loss over the campaigns that were left out."""

    parameters: Any  # of the model's own dataclass
    trials: int
    log_loss: float


def chosen(name: str, path: Path = TUNED) -> Classifier:
    """The model by what tuning chose; by its defaults before it was tuned."""
    of = MODELS[name]
    return of.by(parameters_of(name, of, read_tuned(path)))


def read_tuned(path: Path = TUNED) -> dict[str, Tuned]:
    """By model; one that was not tuned is absent.

    Raises:
        KeyError, TypeError: it names a model or a parameter that is not there.
    """
    return read_chosen(path, MODELS, Tuned) if path.is_file() else {}


def write_tuned(found: Mapping[str, Tuned], path: Path = TUNED) -> None:
    """In the order of the table."""
    write_chosen(path, MODELS, found)
