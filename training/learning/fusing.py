"""Learns how the members' probabilities become one: stacked generalisation on the validation cut-off.

Wolpert, "Stacked generalization" (Neural Networks, 1992), with a logistic regression of what happened on
the members' log-odds. One is fitted for every subset of the members, so that the probability is
calibrated whoever fails to answer.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from serving.stages.fuse import Blend, Fusion, log_odds, subsets
from training.errors import TrainingError
from training.learning.calibration import log_loss, logistic

Probabilities = Mapping[str, NDArray[np.float32]]


def fused(members: Probabilities, happened: NDArray[np.float64]) -> Fusion:
    """The fusion of the members, each (R,), by what then happened (R,).

    The order is greedy: first the member that is best alone, then whoever adds most to those before.

    Raises:
        TrainingError: a member's probabilities are no numbers.
    """
    names = tuple(members)
    if lost := [name for name, of in members.items() if not np.isfinite(of).all()]:
        raise TrainingError(
            f"{', '.join(lost)} came to probabilities that are no numbers; lower "
            "RECSERVE_TRAINING_RANKER_LEARNING_RATE"
        )
    odds = {name: log_odds(of) for name, of in members.items()}
    blends = {frozenset(some): _blend(some, odds, happened) for some in subsets(names)}
    losses = {some: _loss(blend, odds, happened) for some, blend in blends.items()}
    order: list[str] = []
    while len(order) < len(names):
        rest = [name for name in names if name not in order]
        order.append(min(rest, key=lambda name: losses[frozenset([*order, name])]))
    return Fusion(tuple(order), tuple(_in_order(blend, order) for blend in blends.values()))


def _blend(
    members: Sequence[str], odds: Mapping[str, NDArray[np.float64]], happened: NDArray[np.float64]
) -> Blend:
    columns = np.stack([odds[name] for name in members], axis=1)
    weights, offset = logistic(columns, happened)
    return Blend(tuple(members), tuple(weights), offset)


def _loss(
    blend: Blend, odds: Mapping[str, NDArray[np.float64]], happened: NDArray[np.float64]
) -> float:
    total = sum(w * odds[name] for w, name in zip(blend.weights, blend.members, strict=True))
    return log_loss(np.asarray(total + blend.offset), happened)


def _in_order(blend: Blend, order: Sequence[str]) -> Blend:
    weight = dict(zip(blend.members, blend.weights, strict=True))
    members = tuple(name for name in order if name in weight)
    return Blend(members, tuple(weight[name] for name in members), blend.offset)
