"""Ranking metrics of slates against what was bought: one value a user, so that pairs can be compared.

A slate is (U, K) item keys, best first, -1 where there are fewer; a target is the set of keys that the
user then bought. Every user of a task has at least one. NDCG as in Järvelin and Kekäläinen (2002) with
binary gains, its ideal cut at min(K, size of the target).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.ragged import Ragged

PER_USER = ("recall", "ndcg", "hit_rate")


@dataclass(frozen=True, slots=True)
class Judged:
    """Which places of which slates were right."""

    hits: NDArray[np.bool_]  # (U, K)
    sizes: NDArray[np.int64]  # (U,) items in the target, 1 or more

    def metric(self, name: str, k: int) -> NDArray[np.float64]:
        """(U,) values of `recall`, `ndcg`, `hit_rate` or `mrr` over the first k places."""
        metrics = {
            "recall": self.recall,
            "ndcg": self.ndcg,
            "hit_rate": self.hit_rate,
            "mrr": self.mrr,
        }
        return metrics[name](k)

    def recall(self, k: int) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self.hits[:, :k].sum(axis=1) / self.sizes
        return found

    def hit_rate(self, k: int) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self.hits[:, :k].sum(axis=1).clip(max=1).astype(np.float64)
        return found

    def mrr(self, k: int) -> NDArray[np.float64]:
        """1 over the first right place among k, 0 if none is."""
        hits = self.hits[:, :k]
        first = hits.argmax(axis=1) + 1.0
        found: NDArray[np.float64] = np.where(hits.any(axis=1), 1.0 / first, 0.0)
        return found

    def ndcg(self, k: int) -> NDArray[np.float64]:
        gains = 1.0 / np.log2(np.arange(2, k + 2))  # (k,)
        ideal = np.cumsum(gains)[np.minimum(self.sizes, k) - 1]
        width = min(k, self.hits.shape[1])
        found: NDArray[np.float64] = (self.hits[:, :width] @ gains[:width]) / ideal
        return found


def judge(slates: NDArray[np.int64], targets: Ragged) -> Judged:
    """Marks the places that were bought; an item that a slate repeats counts at its first place.

    Raises:
        ValueError: a target is empty, or there is not one for each slate.
    """
    sizes = targets.lengths
    if len(sizes) != len(slates) or not sizes.all():
        raise ValueError(
            f"{len(slates)} slates need as many targets of 1 item or more, "
            f"not {np.count_nonzero(sizes)}"
        )
    wanted = targets.values.astype(np.int64, copy=False)
    codes, coded = np.unique(np.concatenate([slates.ravel(), wanted]), return_inverse=True)
    users = np.arange(len(slates))
    placed = users[:, None] * len(codes) + coded[: slates.size].reshape(slates.shape)
    bought = np.repeat(users, sizes) * len(codes) + coded[slates.size :]
    first = np.zeros(slates.size, dtype=np.bool_)
    first[np.unique(placed.ravel(), return_index=True)[1]] = True
    hits = np.isin(placed, bought) & first.reshape(slates.shape) & (slates >= 0)
    return Judged(hits, sizes)


def coverage(slates: NDArray[np.int64], k: int, catalogue_size: int) -> float:
    """The share of the catalogue that the first k places of all slates show."""
    shown = np.unique(slates[:, :k])
    return float(np.count_nonzero(shown >= 0) / catalogue_size)


def candidate_recall(candidates: Ragged, targets: Ragged) -> NDArray[np.float64]:
    """(U,) share of each target that is among the user's candidates: what a ranker could reach."""
    width = max(1, int(candidates.lengths.max(initial=0)))
    padded = candidates.pad(np.arange(len(candidates.lengths)), width).astype(np.int64, copy=False)
    return judge(padded, targets).recall(width)
