"""LightGBM over the rankers' examples: a probability, or an order alone.

Ke et al., "LightGBM: a highly efficient gradient boosting decision tree" (NeurIPS 2017); the order is that of
LambdaRank (Burges, "From RankNet to LambdaRank to LambdaMART", 2010).
"""

from dataclasses import asdict, dataclass
from math import log
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from serving.stages.fuse import likely
from training.errors import Absent
from training.leaderboard.boosted_columns import Lines
from training.learning.calibration import log_loss, platt

PATIENCE = 40  # rounds without gain before stopping
FIRST = 10  # places of a list that LambdaRank is stopped by


@dataclass(frozen=True, slots=True)
class Parameters:
    """What tuning may choose; the rounds are found by stopping early on validation."""

    learning_rate: float = 0.06
    num_leaves: int = 63
    min_data_in_leaf: int = 200
    feature_fraction: float = 0.7
    bagging_fraction: float = 0.8
    lambda_l2: float = 5.0
    most_rounds: int = 1000


@dataclass(frozen=True, slots=True)
class Boosted:
    """Trees; the log-odds are `slope * raw + offset`, which of an order mean nothing."""

    trees: lightgbm.Booster
    slope: float
    offset: float
    log_loss: float | None  # on validation; of an order none

    @property
    def rounds(self) -> int:
        return int(self.trees.best_iteration)

    def raw(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.asarray(self.trees.predict(values, raw_score=True))
        return found

    def probability(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return likely(self.raw(values) * self.slope + self.offset).astype(np.float32)


def classifier(
    taught: Lines,
    judged: Lines,
    categories: list[int],
    given: Parameters,
    seed: int,
    threads: int = 0,
) -> Boosted:
    """The probability of a purchase, as calibrated as the rankers: Platt scaling on validation.

    Negatives kept with a share s (`Lines.negative_share`) make the odds of what is taught 1 / s too high,
    those of validation not: each is given the log-odds that it starts from, so that the trees say what comes
    on top of the true ones, and are stopped by the true log loss.

    Raises:
        Absent: there is only one outcome to be taught.
    """
    rate = taught.bought.mean()
    if not 0 < rate < 1:
        raise Absent("all that could teach it was taken, or nothing was")
    thinned = log(rate / (1.0 - rate))
    true = thinned + log(taught.negative_share)
    trees = lightgbm.train(
        _settings(given, seed, threads) | {"objective": "binary", "metric": "binary_logloss"},
        _set(taught, categories, init_score=np.full(len(taught.bought), thinned)),
        given.most_rounds,
        valid_sets=[_set(judged, categories, init_score=np.full(len(judged.bought), true))],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    raw = np.asarray(trees.predict(judged.values, raw_score=True), dtype=np.float64)
    slope, offset = platt(raw, judged.bought, true)
    return Boosted(trees, slope, offset, log_loss(raw * slope + offset, judged.bought))


def orderer(
    taught: Lines,
    judged: Lines,
    categories: list[int],
    given: Parameters,
    seed: int,
    threads: int = 0,
) -> Boosted:
    """LambdaRank over each person's candidates."""
    trees = lightgbm.train(
        _settings(given, seed, threads)
        | {"objective": "lambdarank", "metric": "ndcg", "eval_at": [FIRST]},
        _set(taught, categories, group=taught.counts),
        given.most_rounds,
        valid_sets=[_set(judged, categories, group=judged.counts)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    return Boosted(trees, 1.0, 0.0, None)


def _settings(given: Parameters, seed: int, threads: int) -> dict[str, Any]:
    chosen = asdict(given)
    del chosen["most_rounds"]
    fixed = {"bagging_freq": 1, "verbosity": -1, "deterministic": True, "force_row_wise": True}
    return chosen | fixed | {"seed": seed, "num_threads": threads}


def _set(of: Lines, categories: list[int], **more: Any) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        of.values, of.bought, categorical_feature=categories, free_raw_data=True, **more
    )
