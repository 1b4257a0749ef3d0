"""Item-kNN: items that share baskets, by cosine; a user's score sums over what the user bought.

Both fade: what a user bought, and what a basket says of items that belong together, which changes with the
season.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import scipy.sparse as sp

from training.peers.coded import Coded, coded
from training.peers.pages import Pages, best_scored

AT_ONCE = 1024  # items whose similarities to all are in memory together


@dataclass(frozen=True, slots=True)
class ItemKnn:
    neighbours: int = 500
    shrinkage: float = 3.0  # added to the cosine's divisor, against chance in rare items
    half_life_days: float = 45.0  # of what a user bought
    basket_half_life_days: float = 45.0  # of what a basket says


def rank(
    purchases: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    count: int,
    parameters: ItemKnn,
    seed: int,
) -> Pages:
    del seed  # nothing is drawn
    at = coded(purchases, cutoff)
    similar = similarities(at, parameters)
    history = at.matrix(0.5 ** (at.age_days / parameters.half_life_days))
    return best_scored(at, user_ids, count, lambda users: (history[users] @ similar).toarray())


def similarities(at: Coded, parameters: ItemKnn) -> sp.csr_array:
    """(I, I) float32: what each item says of the items nearest to it; nothing of itself."""
    inside = _baskets(at)
    fresh = (0.5 ** (at.basket_age_days / parameters.basket_half_life_days)).astype(np.float32)
    weighed = sp.csr_array(sp.diags_array(fresh) @ inside)
    by_item = weighed.T.tocsr()
    lengths = np.sqrt(weighed.sum(axis=0))
    count = min(parameters.neighbours, at.shape[1])
    rows = [sp.csr_array((0, at.shape[1]), dtype=np.float32)]
    for start in range(0, at.shape[1], AT_ONCE):
        items = np.arange(start, min(start + AT_ONCE, at.shape[1]))
        together = (by_item[items] @ inside).toarray()
        together[items - start, items] = 0
        together /= lengths[items, None] * lengths + parameters.shrinkage
        least = -np.partition(-together, count - 1, axis=1)[:, count - 1 : count]
        rows.append(sp.csr_array(np.where(together >= least, together, 0)))
    return sp.vstack(rows, format="csr")


def _baskets(at: Coded) -> sp.csr_array:
    """(baskets, I) float32: 1 where the item is in the basket."""
    shape = (int(at.basket.max(initial=-1)) + 1, at.shape[1])
    ones = np.ones(len(at.item), dtype=np.float32)
    found = sp.csr_array((ones, (at.basket, at.item)), shape=shape)
    found.data[:] = 1
    return found
