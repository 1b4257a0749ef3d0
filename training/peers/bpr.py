"""BPR (Rendle et al., UAI 2009), matrix factorisation learned from pairs, by the package `implicit`."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
import scipy.sparse as sp
from implicit.cpu.bpr import BayesianPersonalizedRanking
from threadpoolctl import threadpool_limits

from training.peers.coded import coded
from training.peers.pages import Pages, best_scored


@dataclass(frozen=True, slots=True)
class Bpr:
    factors: int = 64
    learning_rate: float = 0.005
    regularization: float = 0.003
    iterations: int = 50


def rank(
    purchases: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    count: int,
    parameters: Bpr,
    seed: int,
) -> Pages:
    at = coded(purchases, cutoff)
    with threadpool_limits(1, "blas"):  # the package warns of more as soon as a model is made
        model = BayesianPersonalizedRanking(
            factors=parameters.factors,
            learning_rate=parameters.learning_rate,
            regularization=parameters.regularization,
            iterations=parameters.iterations,
            num_threads=1,  # several write over each other
            random_state=seed,
        )
        model.fit(sp.csr_matrix(at.bought()), show_progress=False)
    return best_scored(
        at, user_ids, count, lambda users: model.user_factors[users] @ model.item_factors.T
    )
