"""How well a ranker foresees what people do with an item beside the target, and what makes it calibrated."""

import numpy as np
from numpy.typing import NDArray

from training.evaluation.classification import Pairs
from training.evaluation.pair_figures import exact_ranks, ordered
from training.learning.calibration import log_loss, platt
from training.models.ranker import Ranker

Figures = dict[str, float | None]


def foresee(
    ranker: Ranker, logits: NDArray[np.float64], happened: NDArray[np.float32]
) -> dict[str, Figures]:
    """Platt scaling of every other action's (R, A) logits on validation, in place, and what each is worth.

    By kind, none of a ranker that has the target alone: `log_loss_calibrated`, `auc` (None if it never
    happened, or always), `share` of the pairs that it happened to.
    """
    found: dict[str, Figures] = {}
    for action, kind in enumerate(ranker.config.actions):
        said, outcome = logits[:, action], happened[:, action].astype(np.float64)
        slope, offset = platt(said, outcome, 0.0)
        ranker.action_slopes[action], ranker.action_offsets[action] = slope, offset
        calibrated = said * slope + offset
        found[kind] = {
            "log_loss_calibrated": log_loss(calibrated, outcome),
            "auc": _auc(calibrated, outcome > 0),
            "share": float(outcome.mean()),
        }
    return found


def _auc(said: NDArray[np.float64], happened: NDArray[np.bool_]) -> float | None:
    """Over all pairs together, None if their outcomes are alike."""
    pairs = Pairs(np.zeros(len(said), dtype=np.int64), said.astype(np.float32), happened)
    return exact_ranks(ordered(pairs))[0] if pairs.is_telling else None
