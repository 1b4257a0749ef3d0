"""Logistic regression of what happened on log-odds that were said: Platt scaling of one or several."""

import numpy as np
from numpy.typing import NDArray

from serving.stages.fuse import likely
from training.learning.newton import minimised

RIDGE = 1e-6  # of the examples: members that say the same share their weight


def platt(
    logits: NDArray[np.float64], happened: NDArray[np.float64], offset: float
) -> tuple[float, float]:
    """Slope and offset that minimise the log loss of sigmoid(slope * logit + offset).

    Without both outcomes there is nothing to learn from: slope 1 and the `offset` given.
    """
    if not 0.0 < float(happened.mean()) < 1.0:
        return 1.0, offset
    weights, found = logistic(logits[:, None], happened)
    return weights[0], found


def logistic(
    columns: NDArray[np.float64], happened: NDArray[np.float64]
) -> tuple[list[float], float]:
    """Weights of the (N, M) columns and an offset that minimise the log loss.

    Without both outcomes there is nothing to learn from: the columns' mean.
    """
    rate, count = float(happened.mean()), columns.shape[1]
    if not 0.0 < rate < 1.0:
        return [1.0 / count] * count, 0.0
    inputs = np.concatenate([columns, np.ones((len(columns), 1))], axis=1)
    found = minimised(
        np.append(np.zeros(count), np.log(rate / (1.0 - rate))),
        lambda weights: log_loss(inputs @ weights, happened),
        lambda weights: _newton(inputs, happened, weights),
    )
    return found[:-1].tolist(), float(found[-1])


def log_loss(logits: NDArray[np.float64], happened: NDArray[np.float64]) -> float:
    return float(np.mean(np.logaddexp(0.0, logits) - happened * logits))


def _newton(
    inputs: NDArray[np.float64], happened: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    probability = likely(inputs @ at)
    weight = probability * (1.0 - probability)
    ridge = RIDGE * len(inputs) * np.eye(inputs.shape[1])
    hessian = (inputs * weight[:, None]).T @ inputs + ridge
    gradient = inputs.T @ (probability - happened)
    return np.asarray(np.linalg.solve(hessian, gradient), dtype=np.float64)
