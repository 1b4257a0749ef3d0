"""Learns how much each member's scores count: a multinomial logit of the item that was taken.

McFadden, "Conditional logit analysis of qualitative choice behavior" (1974): an item's utility is the sum
of the members' scores, each weighed, and the weights make what was taken as likely as possible.
"""

import numpy as np
from numpy.typing import NDArray

STEPS = 50  # Newton's method needs about ten
SHORTEST = 2.0**-20  # of a step; a shorter one changes nothing
RIDGE = 1e-3  # of a person: members that say the same share their weight


def learned_weights(scores: NDArray[np.float64], taken: NDArray[np.int64]) -> NDArray[np.float64]:
    """(M,) weights of (M, U, I) scores, by what each person took (U,).

    A score of -inf, in all members alike, bars an item.
    """
    found = np.full(len(scores), 1.0 / len(scores))
    loss, gradient, hessian = _at(found, scores, taken)
    for _ in range(STEPS):
        step = np.linalg.solve(hessian, gradient)
        length = 1.0
        # A whole step may overshoot; a short enough one can't.
        while length >= SHORTEST and _at(found - length * step, scores, taken)[0] > loss:
            length /= 2.0
        if length < SHORTEST:
            break
        found = found - length * step
        loss, gradient, hessian = _at(found, scores, taken)
        if np.abs(step).max() < 1e-9:
            break
    return found


def weighed(scores: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M, U, I) to (U, I), -inf where barred."""
    barred = np.isneginf(scores[0])
    found = np.tensordot(weights, np.where(barred, 0.0, scores), axes=1)
    return np.where(barred, -np.inf, found)


def _at(
    weights: NDArray[np.float64], scores: NDArray[np.float64], taken: NDArray[np.int64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The mean loss with its first and second derivatives."""
    utility = weighed(scores, weights)
    utility -= utility.max(axis=1, keepdims=True)
    likely = np.exp(utility)
    total = likely.sum(axis=1, keepdims=True)
    likely /= total
    people = np.arange(len(taken))
    loss = float(np.mean(np.log(total[:, 0]) - utility[people, taken]))
    filled = np.where(np.isneginf(scores), 0.0, scores)
    mean = (filled * likely).sum(axis=2)  # (M, U)
    gradient = (mean - filled[:, people, taken]).mean(axis=1) + RIDGE * weights
    flat = filled.reshape(len(scores), -1)
    hessian = (flat * likely.ravel()) @ flat.T / len(taken) - mean @ mean.T / len(taken)
    return (
        loss + RIDGE / 2 * float(weights @ weights),
        gradient,
        hessian + RIDGE * np.eye(len(weights)),
    )
