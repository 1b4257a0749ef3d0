"""How far two answers to the same tensors are apart, as one number."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[np.generic]]
KEYS, SCORES = "candidate_id", "candidate_score"
NO_ITEM = -1


def distance(expected: Tensors, found: Tensors) -> float:
    """The largest difference of any value; infinite where shapes, nulls or choices differ.

    Retrieved items are compared up to ties: two lists may order, or cut off, items differently if their
    scores are that close. Scores without a range of their own count in units of the largest.
    """
    shapes = {name: values.shape for name, values in expected.items()}
    if shapes != {name: values.shape for name, values in found.items()}:
        return float("inf")
    if KEYS in expected:
        return max(
            (
                _lists(*one)
                for one in zip(
                    expected[KEYS], _floats(expected), found[KEYS], _floats(found), strict=True
                )
            ),
            default=0.0,
        )
    return max((_values(expected[name], found[name]) for name in expected), default=0.0)


def lines(tensors: Tensors) -> list[Tensors]:
    """Each request of a batch by itself."""
    count = len(next(iter(tensors.values())))
    return [{name: v[k : k + 1] for name, v in tensors.items()} for k in range(count)]


def _floats(tensors: Tensors) -> NDArray[np.float64]:
    return tensors[SCORES].astype(np.float64)


def _values(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    first, second = a.astype(np.float64), b.astype(np.float64)
    if (np.isnan(first) != np.isnan(second)).any():
        return float("inf")
    return float(np.nanmax(np.abs(first - second), initial=0.0))


def _lists(
    keys: NDArray[np.generic],
    scores: NDArray[np.float64],
    other_keys: NDArray[np.generic],
    other_scores: NDArray[np.float64],
) -> float:
    """One request's lists, best first."""
    real, other_real = keys != NO_ITEM, other_keys != NO_ITEM
    if (real != other_real).any():
        return float("inf")
    scores, other_scores = scores[real], other_scores[real]
    if not (np.isfinite(scores).all() and np.isfinite(other_scores).all()):
        return float("inf")
    if not len(scores):
        return 0.0
    by_key = dict(zip(keys[real].tolist(), scores.tolist(), strict=True))
    last = float(scores[-1])  # what one list cut off scores no better than its last
    same = np.array([by_key.get(k, last) for k in other_keys[real].tolist()])
    apart = max(np.abs(scores - other_scores).max(), np.abs(same - other_scores).max())
    return float(apart / max(1.0, np.abs(scores).max()))
