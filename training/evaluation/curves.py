"""The curves of the report page: a few hundred points each, whatever the number of pairs."""

import numpy as np
from numpy.typing import NDArray

from training.evaluation.classification import Pairs

POINTS = 300
BINS = 20  # of equal count, so that each point of the calibration plot rests on as many pairs

Curve = dict[str, list[float]]


def roc(pairs: Pairs) -> Curve:
    """False and true positive rates, from the highest threshold to the lowest."""
    right, taken = _counts(pairs)
    total = int(pairs.bought.sum())
    wrong = taken - right
    thin = _thinned(len(taken))
    return {
        "false_positive_rate": _listed(
            (wrong / max(1, len(pairs.bought) - total))[thin], first=0.0
        ),
        "true_positive_rate": _listed((right / max(1, total))[thin], first=0.0),
    }


def precision_recall(pairs: Pairs) -> Curve:
    """Precision by recall, from the highest threshold to the lowest."""
    right, taken = _counts(pairs)
    # The first few pairs make precision leap: the curve begins where it means something.
    thin = _thinned(len(taken))
    return {
        "recall": _listed((right / max(1, int(pairs.bought.sum())))[thin]),
        "precision": _listed((right / taken)[thin]),
    }


def calibration(pairs: Pairs) -> Curve:
    """Mean probability and share bought of bins of equal count, and the count."""
    order = np.argsort(pairs.probability, kind="stable")
    bins = [part for part in np.array_split(order, BINS) if len(part)]
    return {
        "probability": [float(pairs.probability[part].mean()) for part in bins],
        "bought": [float(pairs.bought[part].mean()) for part in bins],
        "count": [float(len(part)) for part in bins],
    }


def _counts(pairs: Pairs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(bought among the taken, taken) at every threshold, equal probabilities taken together."""
    order = np.argsort(-pairs.probability, kind="stable")
    descending = pairs.probability[order]
    last = np.append(np.flatnonzero(np.diff(descending)), len(descending) - 1)
    return np.cumsum(pairs.bought[order])[last], last + 1


def _thinned(count: int) -> NDArray[np.int64]:
    """Up to POINTS positions: dense where the most probable pairs are, and always the last."""
    spread = np.linspace(0.0, 1.0, POINTS) ** 2
    return np.unique((spread * (count - 1)).astype(np.int64))


def _listed(values: NDArray[np.float64], first: float | None = None) -> list[float]:
    found = [round(float(v), 6) for v in values]
    return found if first is None else [first, *found]
