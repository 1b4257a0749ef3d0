"""TIFU-kNN (Hu et al., SIGIR 2020): decayed baskets of the user, mixed with those of the nearest users.

A user's baskets, counted from the latest, form groups of `group_size`; a basket weighs
`within_decay`^(place in its group) and a group `group_decay`^(its place), each level averaged.

The paper takes the nearest by Euclidean distance. Here it is by the cosine of vectors in which an item counts
by its rarity: what everybody buys says little of who is alike, and on Complete Journey it is the better peer.
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
    neighbours: int = 100
    own_share: float = 0.8  # alpha: the rest is the neighbours'
    rarity: float = 1.0  # in who is near, an item counts by its log inverse user frequency^rarity


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
    directions = _directions(vectors, parameters.rarity)

    def scores(users: NDArray[np.int64]) -> NDArray[np.floating]:
        near = _nearest(directions, users, parameters.neighbours)
        mixed = parameters.own_share * vectors[users] + (1 - parameters.own_share) * (
            near @ vectors
        )
        found: NDArray[np.floating] = mixed.toarray()
        return found

    return best_scored(at, user_ids, count, scores)


def basket_weights(at: Coded, parameters: TifuKnn) -> NDArray[np.float64]:
    """The weight of each basket in its user's vector."""
    age = at.basket_age_days
    baskets = len(age)
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


def _directions(vectors: sp.csr_array, rarity: float) -> sp.csr_array:
    """(N, I) of unit length, with each item at its rarity; zeros of who has nothing that tells."""
    buyers = np.bincount(vectors.indices, minlength=vectors.shape[1])
    telling = np.log(vectors.shape[0] / buyers.clip(min=1)) ** rarity
    counted = vectors @ sp.diags_array(telling.astype(np.float32))
    lengths = np.sqrt(counted.multiply(counted).sum(axis=1))
    shares = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return sp.csr_array(sp.diags_array(shares) @ counted)


def _nearest(directions: sp.csr_array, users: NDArray[np.int64], count: int) -> sp.csr_array:
    """(n, N) equal weights on the users nearest to each, summing to 1."""
    apart = -(directions[users] @ directions.T).toarray()
    apart[np.arange(len(users)), users] = np.inf
    count = min(count, apart.shape[1] - 1)
    if count < 1:
        return sp.csr_array(apart.shape, dtype=np.float32)
    near = np.argpartition(apart, count - 1, axis=1)[:, :count]
    shares = np.full(near.size, 1 / count, dtype=np.float32)
    rows = np.repeat(np.arange(len(users)), count)
    return sp.csr_array((shares, (rows, near.ravel())), shape=apart.shape)
