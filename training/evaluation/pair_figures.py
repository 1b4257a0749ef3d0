"""A classifier's figures over the draws of users, for pairs by the hundred thousand.

The pairs are sorted once. Each user's are counted in bins of equal mass, and a draw is then a weighted sum
of those counts. AUC and average precision of a draw are those of the bins, moved by what the exact figure
differs from theirs: the bins decide the width of the interval, never its middle.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.ascending import ascending
from training.evaluation.classification import SMALLEST, Pairs
from training.evaluation.sampled import Sampled, means

ECE_BINS = 15  # of equal mass (Nixon et al., 2019), with edges from all pairs
FINE = 32 * ECE_BINS  # bins for the draws of AUC and average precision
AT_A_THRESHOLD = ("accuracy", "precision", "recall", "f1")
NAMES = ("auc", "user_auc", "average_precision", "log_loss", "ece", "bought", *AT_A_THRESHOLD)
Figures = dict[str, Sampled]
Threshold = float | NDArray[np.float64]  # one, or (U,) each user's


@dataclass(frozen=True, slots=True)
class Ordered:
    """Pairs from the least probable up."""

    user: NDArray[np.int64]  # (n,)
    probability: NDArray[np.float32]
    bought: NDArray[np.bool_]
    first: NDArray[np.int64]  # (n,) how many are less probable: the same for equal ones

    def bins(self, count: int) -> NDArray[np.int64]:
        """(n,) of equal mass, but that equal probabilities share one."""
        return self.first * count // len(self.first)


def ordered(pairs: Pairs) -> Ordered:
    order = ascending(pairs.probability)
    probability = pairs.probability[order]
    starts = _starts(np.diff(probability) != 0)
    first = np.repeat(starts, np.diff(starts, append=len(order)))
    return Ordered(pairs.user[order], probability, pairs.bought[order], first)


def pair_figures(
    pairs: Pairs, threshold: Threshold | None, weights: NDArray[np.float64]
) -> Figures:
    """Every metric of NAMES for (D, U) weights; those at a threshold only if there is one.

    Raises:
        ValueError: all pairs are bought, or none is.
    """
    if not pairs.is_telling:
        raise ValueError("pairs of one kind tell nothing of a classifier")
    of = ordered(pairs)
    # The first row is everybody once: the figure itself.
    with_all = np.append(np.ones((1, weights.shape[1])), weights, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = _ranks(of, with_all) | _losses(of, with_all)
        if threshold is not None:
            drawn |= _at_threshold(of, threshold, with_all)
    exact = dict(zip(("auc", "average_precision"), exact_ranks(of), strict=True))
    figures = {
        name: Sampled(
            float(exact.get(name, found[0])), found[1:] + exact.get(name, found[0]) - found[0]
        )
        for name, found in drawn.items()
    }
    figures["user_auc"] = means(user_auc(of, weights.shape[1])[:, None], weights)[0]
    return {name: figures[name] for name in NAMES if name in figures}


def exact_ranks(of: Ordered) -> tuple[float, float]:
    """AUC and average precision, thresholds between unequal probabilities alone."""
    starts = _starts(np.diff(of.first) != 0)
    gained = np.add.reduceat(of.bought, starts, dtype=np.float64)[::-1]  # from the most probable
    every = np.diff(starts, append=len(of.first))[::-1].astype(np.float64)
    return float(_area(gained, every - gained)), float(_average_precision(gained, every))


def user_auc(of: Ordered, users: int) -> NDArray[np.float64]:
    """(U,) the area under each user's own curve, NaN of users without pairs of both kinds."""
    # Sixteen bits are sorted by their digits, in a tenth of the time.
    small = of.user.astype(np.uint16) if users <= 2**16 else of.user
    order = np.argsort(small, kind="stable")
    user, first = of.user[order], of.first[order]
    bought = of.bought[order].astype(np.float64)
    starts = _starts((np.diff(user) != 0) | (np.diff(first) != 0))
    lengths = np.diff(starts, append=len(user))
    rank = np.repeat(starts + (lengths + 1) / 2, lengths)  # the middle of equal ones, from 1
    total = np.bincount(user, minlength=users)
    right = np.bincount(user, bought, users)
    summed = np.bincount(user, bought * rank, users) - right * (np.cumsum(total) - total)
    wrong = total - right
    found = np.full(users, np.nan)
    both = (right > 0) & (wrong > 0)
    np.divide(summed - right * (right + 1) / 2, right * wrong, out=found, where=both)
    return found


def _ranks(of: Ordered, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    bins, users = of.bins(FINE), weights.shape[1]
    right, every = (
        _by_user(of.user * FINE + bins, values, users * FINE).reshape(users, FINE)
        for values in (of.bought.astype(np.float64), np.ones(len(bins)))
    )
    # Single precision counts whole numbers exactly up to 2**24, in half the time.
    single = weights.astype(np.float32)
    gained = (single @ right.astype(np.float32))[:, ::-1].astype(np.float64)
    taken = (single @ every.astype(np.float32))[:, ::-1].astype(np.float64)
    return {
        "auc": _area(gained, taken - gained),
        "average_precision": _average_precision(gained, taken),
    }


def _area(right: NDArray[np.float64], wrong: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of (..., B) counts, from the most probable bin down; within a bin right and wrong are even."""
    above = np.cumsum(right, axis=-1) - right / 2
    found = (above * wrong).sum(axis=-1) / (right.sum(axis=-1) * wrong.sum(axis=-1))
    return np.asarray(found, dtype=np.float64)


def _average_precision(
    gained: NDArray[np.float64], every: NDArray[np.float64]
) -> NDArray[np.float64]:
    taken, right = np.cumsum(every, axis=-1), np.cumsum(gained, axis=-1)
    share = np.divide(right, taken, out=np.zeros_like(right), where=taken > 0)
    return np.asarray((gained * share).sum(axis=-1) / right[..., -1], dtype=np.float64)


def _losses(of: Ordered, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    probability = of.probability.astype(np.float64)
    users = weights.shape[1]
    gap = _by_user(
        of.user * ECE_BINS + of.bins(ECE_BINS), probability - of.bought, users * ECE_BINS
    )
    clipped = probability.clip(SMALLEST, 1 - SMALLEST)
    loss = -np.log(np.where(of.bought, clipped, 1 - clipped))
    pairs = weights @ _by_user(of.user, np.ones(len(loss)), users)
    return {
        "log_loss": weights @ _by_user(of.user, loss, users) / pairs,
        "ece": np.abs(weights @ gap.reshape(users, ECE_BINS)).sum(axis=1) / pairs,
        "bought": weights @ _by_user(of.user, of.bought.astype(np.float64), users) / pairs,
    }


def _at_threshold(
    of: Ordered, threshold: Threshold, weights: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    limit = threshold if isinstance(threshold, float) else threshold[of.user]
    chosen = of.probability >= limit
    right, taken, bought, agreed, every = (
        weights @ _by_user(of.user, flags.astype(np.float64), weights.shape[1])
        for flags in (chosen & of.bought, chosen, of.bought, chosen == of.bought, chosen | True)
    )
    figures = (agreed / every, right / taken, right / bought, 2 * right / (taken + bought))
    return dict(zip(AT_A_THRESHOLD, figures, strict=True))


def _by_user(
    codes: NDArray[np.int64], values: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    return np.bincount(codes, values, count).astype(np.float64, copy=False)


def _starts(changes: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where runs begin, given where one value differs from the next."""
    return np.append(0, np.flatnonzero(changes) + 1)
