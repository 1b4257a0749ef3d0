"""Trains the two-tower retriever: `python -m training.train_retriever --state FOLDER`.

Writes `models/retriever.ckpt` (the early and the served tower, see schedule.py), the learning curves of
both, and `models/retriever.json` with what the step took.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from torch.utils.data import DataLoader

from training.atomic import replace_text
from training.data import Prepared, open_prepared
from training.errors import PreparedError, TrainingError
from training.learning.checkpoints import Towers, save_towers
from training.learning.feature_config import feature_config
from training.learning.fit import Watch, batch_size, fit, set_threads
from training.learning.retriever_batches import (
    Moment,
    RetrieverBatches,
    RetrieverValidation,
    ShuffledUsers,
    catalogue_tensors,
    read_moment,
)
from training.learning.schedule import schedule
from training.models.two_tower import TwoTower, TwoTowerConfig, TwoTowerLesson
from training.policy import QUOTAS
from training.schema import Schema, schema
from training.settings import TrainingSettings, read_settings
from training.step import step


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.train_retriever")
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    console = Console()
    try:
        train(read_settings(given.state), console)
    except TrainingError as error:
        console.print(f"[red]train_retriever:[/red] {escape(str(error))}")
        return 1
    return 0


def train(settings: TrainingSettings, console: Console) -> None:
    """Writes the checkpoint and curves.

    Raises:
        TrainingError: the prepared data is missing or too short to train on without a leak.
    """
    set_threads(settings.threads)
    prepared = open_prepared(settings.prepared)
    of = schema(prepared.features, "retriever")
    plan = schedule(prepared.cutoffs, settings.ranker_cutoffs, prepared.horizon)
    with step(settings.models, "retriever") as figures:
        taught = {
            "early": (plan.early, plan.early_validation),
            "served": (plan.served, plan.validation),
        }
        towers: dict[str, TwoTower] = {}
        for name, (cutoffs, validation) in taught.items():
            latest = cutoffs[-settings.retriever_cutoffs :]
            console.print(
                f"{name} tower: cut-offs taught from: {len(latest)}, to {latest[-1]:%d %B %Y}"
            )
            lesson = teach(settings, prepared, of, latest, validation, progress=console.is_terminal)
            towers[name] = lesson.model
            figures[name] = _best(lesson)
            console.print(f"{name} tower: {_told(lesson)}")
            curves = "retriever_curves" if name == "served" else f"retriever_{name}_curves"
            replace_text(
                settings.models / f"{curves}.json", json.dumps(lesson.curves, indent=1) + "\n"
            )
        save_towers(settings.models / "retriever.ckpt", Towers(towers["early"], towers["served"]))


def teach(
    settings: TrainingSettings,
    prepared: Prepared,
    of: Schema,
    cutoffs: Sequence[datetime],
    validation: datetime | None,
    *,
    progress: bool,
) -> TwoTowerLesson:
    """A tower taught from the purchases after `cutoffs`; stopped by recall at `validation`, if any."""
    torch.manual_seed(settings.seed)
    moments = [read_moment(prepared, of, cutoff) for cutoff in cutoffs]
    if not any(moment.bought.lengths.any() for moment in moments):
        raise PreparedError(
            f"in the horizons from {cutoffs[0]:%Y-%m-%d} to {cutoffs[-1]:%Y-%m-%d} nobody took anything "
            "for the first time, so there is nothing to teach; set a later now, or bring more data"
        )
    judged = _judged(moments, None if validation is None else read_moment(prepared, of, validation))
    widths = {f"{i.name}{suffix}": i.length for i in of.inputs for suffix in ("", "__row")}
    config = TwoTowerConfig(
        feature_config(prepared, of), settings.dimension, dropout=settings.retriever_dropout
    )
    lesson = TwoTowerLesson(
        TwoTower(config),
        settings.retriever_learning_rate,
        settings.retriever_weight_decay,
        catalogue_tensors(judged),
        QUOTAS["two_tower"],
    )
    fit(
        lesson,
        _training(settings, moments, widths),
        None if validation is None else _validation(settings, judged, widths),
        settings.retriever_epochs,
        None if validation is None else Watch("recall", "max", settings.retriever_patience),
        progress=progress,
    )
    return lesson


def _training(
    settings: TrainingSettings, moments: list[Moment], widths: dict[str, int]
) -> DataLoader[dict[str, torch.Tensor]]:
    batches = RetrieverBatches(
        moments, widths, settings.retriever_negatives, settings.unknown_share, settings.seed
    )
    takers = sum(int(np.count_nonzero(moment.bought.lengths)) for moment in moments)
    size = batch_size(settings.retriever_batch, takers)
    order = ShuffledUsers(moments, size, settings.seed)
    return DataLoader(batches, sampler=order, batch_size=None)


def _validation(
    settings: TrainingSettings, judged: Moment, widths: dict[str, int]
) -> DataLoader[dict[str, torch.Tensor]]:
    return DataLoader(
        RetrieverValidation(judged, widths, settings.retriever_batch), batch_size=None
    )


def _told(lesson: TwoTowerLesson) -> str:
    best = _best(lesson)
    told = (
        f"epoch {best['epoch']:.0f} of {len(lesson.curves)}, training loss {best['train_loss']:.3f}"
    )
    return told + (f", recall@{lesson.top} {best['recall']:.3f}" if "recall" in best else "")


def _judged(moments: Sequence[Moment], validation: Moment | None) -> Moment:
    """What stops the teaching: the validation, or the latest moment where it has nothing to find."""
    if validation is not None and validation.bought.lengths.any():
        return validation
    return next(moment for moment in reversed(moments) if moment.bought.lengths.any())


def _best(lesson: TwoTowerLesson) -> dict[str, float]:
    best = max(lesson.curves, key=lambda epoch: epoch.get("recall", epoch["epoch"]))
    return {name: round(value, 4) for name, value in best.items()}


if __name__ == "__main__":
    sys.exit(main())
