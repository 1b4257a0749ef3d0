"""Platt scaling: the logistic regression of what happened on what was said."""

import numpy as np
from numpy.typing import NDArray

STEPS = 50  # Newton's method needs fewer than ten
SHORTEST = 2.0**-20  # of a step; a shorter one changes nothing


def platt(
    logits: NDArray[np.float64], happened: NDArray[np.float64], offset: float
) -> tuple[float, float]:
    """Slope and offset that minimise the log loss of sigmoid(slope * logit + offset).

    Without both outcomes there is nothing to learn from: slope 1 and the `offset` given.
    """
    rate = float(happened.mean())
    if not 0.0 < rate < 1.0:
        return 1.0, offset
    inputs = np.stack([logits, np.ones_like(logits)], axis=1)
    found = np.array([0.0, np.log(rate / (1.0 - rate))])
    for _ in range(STEPS):
        step = _newton(inputs, happened, found)
        length = 1.0
        # A whole step may overshoot; a short enough one can't.
        while log_loss(inputs @ (found - length * step), happened) > log_loss(
            inputs @ found, happened
        ):
            length /= 2.0
            if length < SHORTEST:
                return float(found[0]), float(found[1])
        found = found - length * step
        if np.abs(step).max() < 1e-9:
            break
    return float(found[0]), float(found[1])


def log_loss(logits: NDArray[np.float64], happened: NDArray[np.float64]) -> float:
    return float(np.mean(np.logaddexp(0.0, logits) - happened * logits))


def _newton(
    inputs: NDArray[np.float64], happened: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    probability = np.exp(-np.logaddexp(0.0, -inputs @ at))
    weight = probability * (1.0 - probability)
    hessian = (inputs * weight[:, None]).T @ inputs + 1e-9 * np.eye(2)
    gradient = inputs.T @ (probability - happened)
    return np.asarray(np.linalg.solve(hessian, gradient), dtype=np.float64)
