"""The ranker judged as a classifier of (person, candidate) pairs, by torchmetrics.

Intervals draw whole users, since the candidates of one user are no independent observations.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import (
    binary_accuracy,
    binary_auroc,
    binary_average_precision,
    binary_calibration_error,
    binary_f1_score,
    binary_precision,
    binary_recall,
)

from training.evaluation.ascending import ascending
from training.evaluation.intervals import Interval, from_draws, user_weights

BINS = 15  # of equal width, for the expected calibration error (Guo et al., 2017)
DRAWS = 200
SMALLEST = 1e-7  # a probability's distance from 0 and 1 in the log loss
NAMES = (
    "auc",
    "average_precision",
    "log_loss",
    "calibration_error",
    "accuracy",
    "precision",
    "recall",
    "f1",
)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Scored pairs, those of one user side by side; some are bought and some are not."""

    user: NDArray[np.int64]  # (n,) position of the user, from 0
    probability: NDArray[np.float32]  # (n,)
    bought: NDArray[np.bool_]  # (n,)

    @property
    def is_telling(self) -> bool:
        """False if all pairs are alike, so that nothing can be said of telling them apart."""
        return bool(self.bought.any() and not self.bought.all())


def best_threshold(pairs: Pairs) -> float:
    """The probability from which taking a pair as bought has the highest F1 on these pairs."""
    order = ascending(-pairs.probability)
    right = np.cumsum(pairs.bought[order])
    f1 = 2 * right / (np.arange(1, len(order) + 1) + right[-1])
    last = _last_of_ties(pairs.probability[order])
    return float(pairs.probability[order][last][np.argmax(f1[last])])


def classification(pairs: Pairs, threshold: float, seed: int) -> dict[str, Interval]:
    """Every metric of NAMES with its interval; at `threshold` where one is needed.

    Raises:
        ValueError: all pairs are bought, or none is.
    """
    if not pairs.is_telling:
        raise ValueError(
            f"{int(pairs.bought.sum())} of {len(pairs.bought)} pairs are bought; "
            "a classifier is judged on pairs of both kinds"
        )
    users = int(pairs.user.max()) + 1
    weights = user_weights(users, seed, DRAWS)
    draws = _weighted(pairs, threshold, weights)
    return {
        name: from_draws(value, draws[name]) for name, value in _values(pairs, threshold).items()
    }


def _values(pairs: Pairs, threshold: float) -> dict[str, float]:
    probability = torch.from_numpy(pairs.probability)
    bought = torch.from_numpy(pairs.bought)
    taken = (probability >= threshold).to(torch.int64)
    whole = bought.to(torch.int64)
    clipped = probability.double().clamp(SMALLEST, 1 - SMALLEST)
    return {
        "auc": float(binary_auroc(probability, whole)),
        "average_precision": float(binary_average_precision(probability, whole)),
        "log_loss": float(torch.nn.functional.binary_cross_entropy(clipped, bought.double())),
        "calibration_error": float(binary_calibration_error(probability, whole, n_bins=BINS)),
        "accuracy": float(binary_accuracy(taken, whole)),
        "precision": float(binary_precision(taken, whole)),
        "recall": float(binary_recall(taken, whole)),
        "f1": float(binary_f1_score(taken, whole)),
    }


def _weighted(
    pairs: Pairs, threshold: float, weights: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Every metric for (D, U) weights of the users: (D,) each, NaN where it is not defined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return (
            _weighted_ranks(pairs, weights)
            | _weighted_losses(pairs, weights)
            | _weighted_counts(pairs, threshold, weights)
        )


def _weighted_ranks(pairs: Pairs, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    order = np.argsort(-pairs.probability, kind="stable")
    user, bought = pairs.user[order], pairs.bought[order]
    last = _last_of_ties(pairs.probability[order])
    auc, precision = np.empty(len(weights)), np.empty(len(weights))
    for draw, by_user in enumerate(weights):
        weight = by_user[user]
        every = np.cumsum(weight)[last]
        right = np.cumsum(weight * bought)[last]
        wrong = every - right
        gained = np.diff(right, prepend=0.0)
        area = ((right - gained / 2) * np.diff(wrong, prepend=0.0)).sum()
        auc[draw] = area / (right[-1] * wrong[-1])
        share = np.divide(right, every, out=np.zeros_like(right), where=every > 0)
        precision[draw] = (gained * share).sum() / right[-1]
    return {"auc": auc, "average_precision": precision}


def _weighted_losses(pairs: Pairs, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    probability = pairs.probability.astype(np.float64)
    clipped = probability.clip(SMALLEST, 1 - SMALLEST)
    loss = -np.where(pairs.bought, np.log(clipped), np.log1p(-clipped))
    users = weights.shape[1]
    pairs_of = weights @ _by_user(pairs, np.ones(len(loss)), users)[:, None]
    bins = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    gap = probability - pairs.bought
    gaps = np.bincount(pairs.user * BINS + bins, gap, users * BINS).reshape(users, BINS)
    return {
        "log_loss": (weights @ _by_user(pairs, loss, users)[:, None] / pairs_of)[:, 0],
        "calibration_error": (np.abs(weights @ gaps) / pairs_of).sum(axis=1),
    }


def _weighted_counts(
    pairs: Pairs, threshold: float, weights: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    taken = pairs.probability >= threshold
    right, taken_count, bought_count, agreed, every = (
        weights @ _by_user(pairs, flags.astype(np.float64), weights.shape[1])
        for flags in (
            taken & pairs.bought,
            taken,
            pairs.bought,
            taken == pairs.bought,
            np.ones_like(taken),
        )
    )
    return {
        "accuracy": agreed / every,
        "precision": right / taken_count,
        "recall": right / bought_count,
        "f1": 2 * right / (taken_count + bought_count),
    }


def _by_user(pairs: Pairs, values: NDArray[np.float64], users: int) -> NDArray[np.float64]:
    return np.bincount(pairs.user, values, users).astype(np.float64, copy=False)


def _last_of_ties(descending: NDArray[np.float32]) -> NDArray[np.int64]:
    """Positions at which a threshold can lie: the last of each run of equal probabilities."""
    return np.append(np.flatnonzero(np.diff(descending)), len(descending) - 1)
