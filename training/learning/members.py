"""Teaches rankers and calibrates them: the members of a fusion, side by side where there is much to teach."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from serving.stages.fuse import likely
from training.atomic import replacing_file
from training.errors import CheckpointError
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
from training.learning.side_by_side import MANY_ITEMS, processes_of, side_by_side
from training.models.ranker import SCORES, Ranker
from training.models.ranker_config import ranker_config
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


def lay_out(
    shared: Path, rankers: Mapping[str, Ranker], taught: Examples, judged: Examples
) -> None:
    """What teaching them needs, in a folder; `judged` last, which says that all is there.

    A folder, because what passes between processes as tensors takes shared memory, of which a container has
    little, and because the processes may be on several machines.
    """
    keep(shared / TAUGHT, taught)
    for name, ranker in rankers.items():
        _save(_fresh(shared, name), config=ranker.config.plain(), weights=ranker.state_dict())
    keep(shared / JUDGED, judged)


def teach_all(settings: TrainingSettings, shared: Path, *, progress: bool) -> None:
    """Teaches and calibrates what is laid out, side by side where there is much to teach."""
    names = settings.member_names
    items = _opened(_load(_fresh(shared, names[0]))).config.features.items
    of_one = partial(teach_member, progress=progress)
    given = [(settings, shared, name) for name in names]
    side_by_side(of_one, given, processes_of(settings.threads, items))


def teach_one(settings: TrainingSettings, shared: Path, name: str, *, progress: bool) -> None:
    """As `teach_all` teaches it, where there is much in a process of one thread, on a machine of its own.

    Raises:
        CheckpointError: nothing is laid out there for it.
    """
    if _opened(_load(_fresh(shared, name))).config.features.items >= MANY_ITEMS:
        torch.set_num_threads(1)
    teach_member(settings, shared, name, progress=progress)


def teach_member(settings: TrainingSettings, shared: Path, name: str, *, progress: bool) -> None:
    """Teaches and calibrates one, and writes what came of it into the folder.

    Raises:
        CheckpointError: nothing is laid out there for it.
    """
    fresh = _load(_fresh(shared, name))
    torch.manual_seed(settings.seed)
    taught, judged = kept(shared / TAUGHT), kept(shared / JUDGED)
    ranker = _opened(fresh)
    curves = teach(settings, ranker, taught, judged, progress=progress)
    logits = logits_of(ranker, judged)
    figures, said = calibrate(ranker, logits[:, 0], judged)
    _save(
        _taught(shared, name),
        config=fresh["config"],
        weights=ranker.state_dict(),
        told=json.dumps([curves, figures, foresee(ranker, logits[:, 1:], judged.others.numpy())]),
        said=torch.from_numpy(said),
    )


def taught_member(shared: Path, name: str) -> tuple[Ranker, Member]:
    """What came of one.

    Raises:
        CheckpointError: it wasn't taught yet.
    """
    found = _load(_taught(shared, name))
    curves, figures, others = json.loads(found["told"])
    return _opened(found), Member(curves, figures, others, found["said"].numpy())


def _fresh(shared: Path, name: str) -> Path:
    return shared / f"{name}.pt"


def _taught(shared: Path, name: str) -> Path:
    return shared / f"{name}_taught.pt"


def _save(path: Path, **document: object) -> None:
    with replacing_file(path) as fresh:
        torch.save(document, fresh)


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing; run the part of training.train_ranker before")
    document: dict[str, Any] = torch.load(path, weights_only=True)
    return document


def _opened(document: Mapping[str, Any]) -> Ranker:
    ranker = Ranker(ranker_config(document["config"])).eval()
    ranker.load_state_dict(document["weights"])
    return ranker


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
