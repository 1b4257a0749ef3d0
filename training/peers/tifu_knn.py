"""TIFU-kNN (Hu et al., SIGIR 2020): decayed baskets of the user, mixed with those of the nearest users.

A user's baskets, counted from the latest, form groups of `group_size`; a basket weighs
`within_decay`^(place in its group) and a group `group_decay`^(its place), each level averaged.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from training.peers.coded import Coded, coded
from training.peers.pages import Pages, best_scored


@dataclass(frozen=True, slots=True)
class TifuKnn:
    group_size: int = 1  # baskets
    within_decay: float = 0.9
    group_decay: float = 0.97
    neighbours: int = 300
    own_share: float = 0.9  # alpha: the rest is the neighbours'


def rank(
    purchases: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    count: int,
    parameters: TifuKnn,
    seed: int,
) -> Pages:
    del seed  # nothing is drawn
    at = coded(purchases, cutoff)
    vectors = at.matrix(basket_weights(at, parameters)[at.basket])
    squares = vectors.multiply(vectors).sum(axis=1)

    def scores(users: NDArray[np.int64]) -> NDArray[np.floating]:
        near = _nearest(vectors, squares, users, parameters.neighbours)
        mixed = parameters.own_share * vectors[users] + (1 - parameters.own_share) * (
            near @ vectors
        )
        found: NDArray[np.floating] = mixed.toarray()
        return found

    return best_scored(at, user_ids, count, scores)


def basket_weights(at: Coded, parameters: TifuKnn) -> NDArray[np.float64]:
    """The weight of each basket in its user's vector."""
    baskets = int(at.basket.max(initial=-1)) + 1
    age = np.full(baskets, np.inf)
    np.minimum.at(age, at.basket, at.age_days)
    user = np.zeros(baskets, dtype=np.int64)
    user[at.basket] = at.user
    order = np.lexsort((age, user))
    per_user = np.bincount(user, minlength=at.shape[0])
    place = np.empty(baskets, dtype=np.int64)
    place[order] = np.arange(baskets) - np.repeat(np.cumsum(per_user) - per_user, per_user)
    size = parameters.group_size
    group, within = place // size, place % size
    in_group = np.minimum(size, per_user[user] - group * size)
    groups = -(-per_user[user] // size)
    weights: NDArray[np.float64] = (
        parameters.within_decay**within / in_group * parameters.group_decay**group / groups
    )
    return weights


def _nearest(
    vectors: sp.csr_array, squares: NDArray[np.float32], users: NDArray[np.int64], count: int
) -> sp.csr_array:
    """(n, N) equal weights on the users nearest to each, summing to 1."""
    distances = squares[None, :] - 2 * (vectors[users] @ vectors.T).toarray()  # and a constant
    distances[np.arange(len(users)), users] = np.inf
    count = min(count, len(squares) - 1)
    if count < 1:
        return sp.csr_array((len(users), len(squares)), dtype=np.float32)
    near = np.argpartition(distances, count - 1, axis=1)[:, :count]
    shares = np.full(near.size, 1 / count, dtype=np.float32)
    rows = np.repeat(np.arange(len(users)), count)
    return sp.csr_array((shares, (rows, near.ravel())), shape=distances.shape)
