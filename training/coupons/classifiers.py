"""Classifiers of mailings: each is taught by some and says how likely others are redeemed, (R,) each.

What can be chosen of each is a dataclass with the values set by hand; what tuning may choose from, and what
it chose, is in `training/leaderboard/coupon_models.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import lightgbm
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from training.coupons.responses import Mailed, folds
from training.learning.fit import fit
from training.models.coupon_network import CouponConfig, CouponLesson, CouponNetwork
from training.models.inputs import Floats

Probabilities = NDArray[np.float64]
Classifier = Callable[[Mailed, Mailed, int], Probabilities]  # taught by, asked, seed
LONG_TAIL = 10.0  # numbers that reach this far are counts or sums, taken by their logarithm
FIRST_ROW = 2  # of the vocabularies; before it unknown and null
BATCH = 128


@dataclass(frozen=True, slots=True)
class Linear:
    inverse_penalty: float = 0.01


def logistic(by: Mailed, of: Mailed, seed: int, given: Linear) -> Probabilities:
    """Of standardised numbers, flags of the unknown, and a column for each text."""
    del seed  # nothing is drawn
    encoding = encoded(by)
    model = LogisticRegression(C=given.inverse_penalty, max_iter=2000)
    model.fit(_columns(encoding, by), by.redeemed)
    found: Probabilities = model.predict_proba(_columns(encoding, of))[:, 1]
    return found


@dataclass(frozen=True, slots=True)
class Trees:
    """By LightGBM's names."""

    n_estimators: int = 200
    learning_rate: float = 0.03
    num_leaves: int = 4
    min_child_samples: int = 30
    colsample_bytree: float = 0.5
    subsample: float = 0.8
    reg_lambda: float = 5.0


def boosted(by: Mailed, of: Mailed, seed: int, given: Trees) -> Probabilities:
    """Gradient boosted trees by LightGBM."""
    encoding = encoded(by)
    model = lightgbm.LGBMClassifier(
        **asdict(given),
        subsample_freq=1,
        random_state=seed,
        n_jobs=1,
        deterministic=True,
        verbose=-1,
    )
    model.fit(_with_codes(encoding, by), by.redeemed)
    found: Probabilities = np.asarray(model.predict_proba(_with_codes(encoding, of)))[:, 1]
    return found


@dataclass(frozen=True, slots=True)
class Network:
    epochs: int = 30
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    dropout: float = 0.4


def network(by: Mailed, of: Mailed, seed: int, given: Network) -> Probabilities:
    """The network of our rankers."""
    encoding = encoded(by)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sizes = [len(known) + FIRST_ROW for known in encoding.texts]
        model = CouponNetwork(CouponConfig(encoding.statistics, sizes, dropout=given.dropout))
        batches = Batches(encoding, by, seed)
        steps = batches.count * given.epochs
        lesson = CouponLesson(model, given.learning_rate, given.weight_decay, steps)
        fit(lesson, DataLoader(batches, batch_size=None), None, given.epochs, None, progress=False)
    with torch.no_grad():
        logits = model(_numbers(of), torch.from_numpy(encoding.rows(of)))
    return torch.sigmoid(logits).double().numpy()


def left_out(classifier: Classifier, by: Mailed, seed: int) -> Probabilities:
    """What it makes of every mailing when it is not taught by that one's campaign."""
    fold = folds(by.campaign)
    found = np.zeros(len(fold))
    for number in np.unique(fold):
        out = fold == number
        found[out] = classifier(by.only(~out), by.only(out), seed)
    return found


@dataclass(frozen=True, slots=True)
class Encoding:
    """How numbers are scaled and texts coded, as seen in the mailings that are taught."""

    statistics: list[dict[str, float]]  # as `Floats` takes them
    texts: list[list[str]]  # by column, ascending

    def rows(self, of: Mailed) -> NDArray[np.int64]:
        """(R, G) rows of vocabularies: 0 unknown, 1 null."""
        columns = [
            of.texts[name].replace_strict(
                [None, *known],
                list(range(FIRST_ROW - 1, len(known) + FIRST_ROW)),
                default=0,
                return_dtype=pl.Int64,
            )
            for name, known in zip(of.texts.columns, self.texts, strict=True)
        ]
        return np.stack([column.to_numpy() for column in columns], axis=1)


def encoded(by: Mailed) -> Encoding:
    known = ~np.isnan(by.numbers)
    filled = np.where(known, by.numbers, 0.0)
    long = (filled.max(axis=0) > LONG_TAIL) & (filled.min(axis=0) >= 0)
    scaled = np.where(long, np.log1p(filled.clip(min=0.0)), filled)
    count = known.sum(axis=0).clip(min=1)
    mean = (scaled * known).sum(axis=0) / count
    std = np.sqrt((np.square(scaled - mean) * known).sum(axis=0) / count)
    statistics = [
        {"mean": float(m), "std": float(s) or 1.0, "log1p": float(one)}
        for m, s, one in zip(mean, std, long, strict=True)
    ]
    texts = [by.texts[name].drop_nulls().unique().sort().to_list() for name in by.texts.columns]
    return Encoding(statistics, texts)


def _columns(encoding: Encoding, of: Mailed) -> NDArray[np.float64]:
    """(R, W) for a linear model."""
    numbers = Floats(encoding.statistics)(_numbers(of)).double().numpy()
    rows = encoding.rows(of)
    flags = [
        rows[:, [column]] == np.arange(1, len(known) + FIRST_ROW)
        for column, known in enumerate(encoding.texts)
    ]
    return np.concatenate([numbers, *flags], axis=1)


def _with_codes(encoding: Encoding, of: Mailed) -> NDArray[np.float64]:
    """(R, F + G) for trees, NaN unknown."""
    rows = encoding.rows(of).astype(np.float64)
    return np.concatenate([of.numbers, np.where(rows < FIRST_ROW, np.nan, rows)], axis=1)


def _numbers(of: Mailed) -> Tensor:
    return torch.from_numpy(of.numbers.astype(np.float32))


class Batches(IterableDataset[dict[str, Tensor]]):
    """All mailings in a new order every epoch."""

    def __init__(self, encoding: Encoding, of: Mailed, seed: int) -> None:
        self.whole = {
            "numbers": _numbers(of),
            "rows": torch.from_numpy(encoding.rows(of)),
            "redeemed": torch.from_numpy(of.redeemed.astype(np.float32)),
        }
        self.draw = np.random.default_rng(seed)

    @property
    def count(self) -> int:
        return -(-len(self.whole["redeemed"]) // BATCH)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        order = torch.from_numpy(self.draw.permutation(len(self.whole["redeemed"])))
        for some in torch.tensor_split(order, self.count):
            yield {name: values[some] for name, values in self.whole.items()}
