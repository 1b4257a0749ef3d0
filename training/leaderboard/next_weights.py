"""Learns how much each member's scores count: a multinomial logit of the item that was taken.

McFadden, "Conditional logit analysis of qualitative choice behavior" (1974): an item's utility is the sum
of the members' scores, each weighed, and the weights make what was taken as likely as possible.
"""

import numpy as np
from numpy.typing import NDArray

from training.learning.newton import minimised

RIDGE = 1e-3  # of a person: members that say the same share their weight


def learned_weights(scores: NDArray[np.float64], taken: NDArray[np.int64]) -> NDArray[np.float64]:
    """(M,) weights of (M, U, I) scores, by what each person took (U,).

    A score of -inf, in all members alike, bars an item.
    """
    return minimised(
        np.full(len(scores), 1.0 / len(scores)),
        lambda weights: _loss(weights, scores, taken),
        lambda weights: _newton(weights, scores, taken),
    )


def weighed(scores: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, U, I) to (U, I), -inf where barred."""
    barred = np.isneginf(scores[0])
    found = np.tensordot(weights, np.where(barred, 0.0, scores), axes=1)
    return np.where(barred, -np.inf, found)


def _loss(
    weights: NDArray[np.float64], scores: NDArray[np.float64], taken: NDArray[np.int64]
) -> float:
    """The mean over people, and the ridge."""
    utility = _utility(weights, scores)
    total = np.exp(utility).sum(axis=1)
    loss = np.mean(np.log(total) - utility[np.arange(len(taken)), taken])
    return float(loss + RIDGE / 2 * (weights @ weights))


def _newton(
    weights: NDArray[np.float64], scores: NDArray[np.float64], taken: NDArray[np.int64]
) -> NDArray[np.float64]:
    likely = np.exp(_utility(weights, scores))
    likely /= likely.sum(axis=1, keepdims=True)
    filled = np.where(np.isneginf(scores), 0.0, scores)
    mean = (filled * likely).sum(axis=2)  # (M, U)
    chosen = filled[:, np.arange(len(taken)), taken]
    gradient = (mean - chosen).mean(axis=1) + RIDGE * weights
    flat = filled.reshape(len(scores), -1)
    hessian = (flat * likely.ravel()) @ flat.T / len(taken) - mean @ mean.T / len(taken)
    step = np.linalg.solve(hessian + RIDGE * np.eye(len(weights)), gradient)
    return np.asarray(step, dtype=np.float64)


def _utility(weights: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(U, I), each person's highest at 0."""
    found = weighed(scores, weights)
    highest: NDArray[np.float64] = found.max(axis=1, keepdims=True)
    return found - highest
