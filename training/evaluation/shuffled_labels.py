"""Teaches a ranker labels that mean nothing: whoever still tells them apart has seen them.

Labels are shuffled among all pairs, of training and of validation alike, after features and candidates were
made. An honest ranker then has an AUC of one half on validation, but for chance.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from training.evaluation.classification import Pairs
from training.evaluation.pair_figures import exact_ranks, ordered
from training.learning.members import teach
from training.learning.ranker_examples import Examples, logits_of
from training.models.ranker import Ranker
from training.settings import TrainingSettings

DEVIATIONS = 4.0  # of chance, beyond which an AUC is none: one honest run in 16,000


@dataclass(frozen=True, slots=True)
class ByChance:
    """AUC on shuffled labels, and the standard deviation that chance gives it."""

    auc: float
    deviation: float

    @property
    def is_chance(self) -> bool:
        return abs(self.auc - 0.5) <= DEVIATIONS * self.deviation


def shuffled(examples: Examples, seed: int) -> Examples:
    """The same pairs with the same labels, those of a pair together, dealt out anew."""
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(examples.bought)))
    return replace(examples, bought=examples.bought[order], others=examples.others[order])


def taught_by_chance(
    settings: TrainingSettings, ranker: Ranker, taught: Examples, judged: Examples
) -> ByChance:
    """Teaches the ranker, in place, shuffled labels and judges it by others.

    Raises:
        ValueError: the pairs that judge are of one kind.
    """
    by, against = shuffled(taught, settings.seed), shuffled(judged, settings.seed + 1)
    teach(settings, ranker, by, against, progress=False)
    logits = logits_of(ranker, against)[:, 0].astype(np.float32)
    bought = against.bought.numpy() > 0
    pairs = Pairs(np.zeros(len(bought), dtype=np.int64), logits, bought)
    if not pairs.is_telling:
        raise ValueError(f"all {len(bought)} pairs that judge are of one kind")
    return ByChance(exact_ranks(ordered(pairs))[0], _deviation(int(bought.sum()), len(bought)))


def _deviation(bought: int, pairs: int) -> float:
    """Of the AUC of scores that know nothing (Mann and Whitney, 1947)."""
    others = pairs - bought
    return float(np.sqrt((pairs + 1) / (12 * bought * others)))
