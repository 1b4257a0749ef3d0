"""ALS for implicit feedback (Hu, Koren and Volinsky, ICDM 2008), by the package `implicit`."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from training.peers.coded import coded
from training.peers.pages import Pages, best_scored


@dataclass(frozen=True, slots=True)
class Als:
    factors: int = 64
    regularization: float = 10.0
    half_life_days: float = 63.0
    confidence: float = 1.0  # alpha: times the decayed count, beside 1 of what was never bought
    iterations: int = 15


def rank(
    purchases: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    count: int,
    parameters: Als,
    seed: int,
) -> Pages:
    at = coded(purchases, cutoff)
    counts = at.matrix(0.5 ** (at.age_days / parameters.half_life_days))
    with threadpool_limits(1, "blas"):  # the package warns of more as soon as a model is made
        model = AlternatingLeastSquares(
            factors=parameters.factors,
            regularization=parameters.regularization,
            alpha=parameters.confidence,
            iterations=parameters.iterations,
            num_threads=1,  # several add in another order each time
            random_state=seed,
        )
        model.fit(sp.csr_matrix(counts), show_progress=False)
    return best_scored(
        at, user_ids, count, lambda users: model.user_factors[users] @ model.item_factors.T
    )
