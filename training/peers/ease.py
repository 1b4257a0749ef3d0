"""EASE (Steck, WWW 2019): the item-to-item matrix with an empty diagonal that best restores who bought what.

X here is the square root of a decayed count rather than 0 and 1, which lifts `any` far above the usual form
and costs `new` nothing; a half-life and a power make the usual form a case of it.

With X (N, I) and P = (X'X + l)^-1 it is B = 1 - P / diag(P), and the scores are XB = X - XP / diag(P). P is
taken on the smaller side: with fewer users than items, K = XX' + l gives XP = K^-1 X and
diag(P) = (1 - diag(X' K^-1 X)) / l.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from training.peers.coded import coded
from training.peers.pages import Pages, best_scored


@dataclass(frozen=True, slots=True)
class Ease:
    half_life_days: float = 91.0
    power: float = 0.5  # of the decayed count; 0 gives 0 and 1
    regularization: float = 50.0  # in units of the mean square of what was bought


def rank(
    purchases: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    count: int,
    parameters: Ease,
    seed: int,
) -> Pages:
    del seed  # nothing is drawn
    at = coded(purchases, cutoff)
    weights = at.matrix(0.5 ** (at.age_days / parameters.half_life_days))
    weights.data **= parameters.power
    unit = float(np.square(weights.data).mean()) if weights.nnz else 1.0
    found = restored(weights.toarray(), parameters.regularization * unit)
    return best_scored(at, user_ids, count, lambda users: found[users])


def restored(weights: NDArray[np.float32], regularization: float) -> NDArray[np.float32]:
    """(N, I) how much the user's other items speak for each item."""
    users, items = weights.shape
    if users < items:
        projected, diagonal = _by_users(weights, regularization)
    else:
        projected, diagonal = _by_items(weights, regularization)
    found: NDArray[np.float32] = weights - projected / diagonal
    return found


def _by_users(
    weights: NDArray[np.float32], regularization: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """XP (N, I) and diag(P) (I,), from the inverse of (N, N)."""
    gram = weights @ weights.T
    gram[np.diag_indices_from(gram)] += regularization
    projected = cho_solve(cho_factor(gram, lower=True, overwrite_a=True), weights)
    return projected, (1 - (weights * projected).sum(axis=0)) / regularization


def _by_items(
    weights: NDArray[np.float32], regularization: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """XP (N, I) and diag(P) (I,), from the inverse of (I, I)."""
    gram = weights.T @ weights
    gram[np.diag_indices_from(gram)] += regularization
    unit = np.eye(len(gram), dtype=gram.dtype)
    inverse = cho_solve(cho_factor(gram, lower=True, overwrite_a=True), unit, overwrite_b=True)
    return weights @ inverse, inverse.diagonal()
