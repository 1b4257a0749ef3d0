"""Teaches rankers and calibrates them: the members of a fusion, side by side where there is much to teach."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from serving.stages.fuse import likely
from training.learning.boosting import Growth, grow
from training.learning.calibration import log_loss, platt
from training.learning.fit import Watch, batch_size, fit
from training.learning.foreseen import Figures, foresee
from training.learning.kept_examples import keep, kept
from training.learning.ranker_examples import (
    ExampleBatches,
    Examples,
    UserOrder,
    logits_of,
    some_users,
)
from training.learning.side_by_side import processes_of, side_by_side
from training.models.ranker import SCORES, Ranker
from training.models.ranker_config import RankerConfig
from training.models.ranker_lesson import RankerLesson
from training.settings import TrainingSettings

TAUGHT, JUDGED = "taught.pt", "judged.pt"
WATCHED = 3  # every so many validation users choose the epoch; all of them calibrate


@dataclass(frozen=True, slots=True)
class Member:
    """How a ranker learned, and how well it does on validation."""

    curves: list[dict[str, float]]
    figures: dict[str, float]
    others: dict[str, Figures]
    said: NDArray[np.float32]  # (R,) probabilities


def teach_all(
    settings: TrainingSettings,
    rankers: Mapping[str, Ranker],
    taught: Examples,
    judged: Examples,
    *,
    progress: bool,
) -> dict[str, Member]:
    """Teaches and calibrates the rankers in place, side by side where there is much to teach."""
    processes = processes_of(settings.threads, next(iter(rankers.values())).config.features.items)
    with TemporaryDirectory(dir=settings.models) as folder:
        shared = Path(folder)
        keep(shared / TAUGHT, taught)
        keep(shared / JUDGED, judged)
        for name, ranker in rankers.items():
            torch.save(ranker.state_dict(), weights_of(shared, name))
        of_one = partial(teach_member, progress=progress)
        given = [(settings, ranker.config, shared) for ranker in rankers.values()]
        members = side_by_side(of_one, given, processes)
        for name, ranker in rankers.items():
            ranker.load_state_dict(torch.load(weights_of(shared, name), weights_only=True))
    return dict(zip(rankers, members, strict=True))


def teach_member(
    settings: TrainingSettings, config: RankerConfig, shared: Path, *, progress: bool
) -> Member:
    """Teaches and calibrates, by the examples in the folder; of its weights there, the first become the last.

    A folder, because what passes between processes as tensors takes shared memory, of which a container has
    little.
    """
    torch.manual_seed(settings.seed)
    taught, judged = kept(shared / TAUGHT), kept(shared / JUDGED)
    path = weights_of(shared, config.network)
    ranker = Ranker(config).eval()
    ranker.load_state_dict(torch.load(path, weights_only=True))
    curves = teach(settings, ranker, taught, judged, progress=progress)
    logits = logits_of(ranker, judged)
    figures, said = calibrate(ranker, logits[:, 0], judged)
    others = foresee(ranker, logits[:, 1:], judged.others.numpy())
    torch.save(ranker.state_dict(), path)
    return Member(curves, figures, others, said)


def weights_of(shared: Path, network: str) -> Path:
    return shared / f"{network}.pt"


def teach(
    settings: TrainingSettings,
    ranker: Ranker,
    taught: Examples,
    judged: Examples,
    *,
    progress: bool,
) -> list[dict[str, float]]:
    """Teaches in place, and gives the curve; the ranker is that of the lowest validation log loss."""
    watched = some_users(judged, WATCHED)
    if ranker.config.network == "trees":
        growth = Growth(seed=settings.seed)
        return grow(ranker, taught, watched, growth, settings.ranker_negative_share)
    scores = taught.crosses[:, -SCORES:]
    ranker.score_mean.copy_(scores.mean(dim=0))
    ranker.score_std.copy_(scores.std(dim=0).clamp(min=1e-6))
    lesson = RankerLesson(
        ranker,
        settings.ranker_learning_rate,
        settings.ranker_weight_decay,
        settings.ranker_negative_share,
        settings.action_weight,
        settings.ranker_listwise_weight,
    )
    fit(
        lesson,
        _loader(taught, batch_size(settings.ranker_batch, len(taught.offsets) - 1), settings.seed),
        _loader(watched, settings.ranker_batch, None),
        settings.ranker_epochs,
        Watch("log_loss", "min", settings.ranker_patience),
        progress=progress,
    )
    return lesson.curves


def calibrate(
    ranker: Ranker, logits: NDArray[np.float64], judged: Examples
) -> tuple[dict[str, float], NDArray[np.float32]]:
    """Platt scaling of (R,) on validation, in place: what it is worth, and the (R,) probabilities."""
    bought = judged.bought.numpy().astype(np.float64)
    before = log_loss(logits * float(ranker.slope) + float(ranker.offset), bought)
    slope, offset = platt(logits, bought, float(ranker.offset))
    ranker.slope.fill_(slope)
    ranker.offset.fill_(offset)
    figures = {
        "log_loss": before,
        "log_loss_calibrated": log_loss(logits * slope + offset, bought),
        "slope": slope,
        "offset": offset,
        "bought_share": float(bought.mean()),
    }
    return figures, likely(logits * slope + offset).astype(np.float32)


def _loader(of: Examples, size: int, seed: int | None) -> DataLoader[dict[str, torch.Tensor]]:
    return DataLoader(ExampleBatches(of), sampler=UserOrder(of, size, seed), batch_size=None)
