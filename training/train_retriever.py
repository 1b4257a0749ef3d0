"""Trains the retrievers: `python -m training.train_retriever --state FOLDER`.

Writes `models/retriever.ckpt` (the early and the served retrievers, see schedule.py, and the quotas of
the candidate sources), the learning curves, and `models/retriever.json` with what the step took.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from torch.utils.data import DataLoader

from training.alone import alone
from training.atomic import replace_text
from training.candidates import quotas_at
from training.data import Prepared, open_prepared
from training.errors import PreparedError, TrainingError
from training.learning.checkpoints import Searches, packed, save_searches, unpacked
from training.learning.co_purchase import learn, purchases_at
from training.learning.feature_config import described_rows, feature_config
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
from training.learning.side_by_side import processes_of, side_by_side
from training.models.gru4rec import Gru4Rec
from training.models.inputs import FeatureConfig
from training.models.item_to_item import ItemToItemConfig
from training.models.retriever_lesson import RetrieverLesson
from training.models.retrievers import ITEM_TO_ITEM, TWO_TOWER, Retriever, new
from training.models.sasrec import SasRec
from training.models.sequence_config import SequenceConfig
from training.models.two_tower import TwoTowerConfig
from training.schema import RECENT, Schema, schema
from training.settings import TrainingSettings, read_settings
from training.step import step

JUDGED = 128  # a retriever's finds, by which its best epoch is chosen


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.train_retriever")
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    console = Console()
    try:
        settings = read_settings(given.state)
        with alone(settings.state, "training.train_retriever", console.print):
            train(settings, console)
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
        phases = (
            Phase("early", plan.early, plan.early_validation, plan.ranker[0]),
            Phase("served", plan.served, plan.validation, plan.validation),
        )
        processes = processes_of(settings.threads, len(prepared.item_keys))
        of_one = partial(taught_phase, progress=console.is_terminal)
        taught = side_by_side(of_one, [(settings, phase) for phase in phases], processes)
        for phase, of_phase in zip(phases, taught, strict=True):
            for line in of_phase.told:
                console.print(line)
            figures[phase.name] = of_phase.best
        early, served = (unpacked(of_phase.retrievers) for of_phase in taught)
        quotas = quotas_at(prepared, of, served, plan.validation, settings.retrieved)
        told = ", ".join(f"{name} {quota}" for name, quota in quotas.items())
        console.print(f"places in the list of candidates: {told}")
        figures["quotas"] = quotas
        save_searches(settings.models / "retriever.ckpt", Searches(early, served, quotas))


@dataclass(frozen=True, slots=True)
class Phase:
    """Retrievers that have seen what was taken up to `until`, and nothing later."""

    name: str
    cutoffs: Sequence[datetime]
    validation: datetime | None
    until: datetime


@dataclass(frozen=True, slots=True)
class Taught:
    """What came of a phase, in the form in which it passes from process to process."""

    retrievers: bytes
    best: dict[
        str, dict[str, float]
    ]  # figures of the epoch that was kept, of those taught by gradients
    told: list[str]


def taught_phase(settings: TrainingSettings, phase: Phase, *, progress: bool) -> Taught:
    """Teaches the retrievers of a phase, and writes their curves."""
    prepared = open_prepared(settings.prepared)
    of = schema(prepared.features, "retriever")
    latest = phase.cutoffs[-settings.retriever_cutoffs :]
    told = [
        f"{phase.name} retrievers: cut-offs taught from: {len(latest)}, to {latest[-1]:%d %B %Y}"
    ]
    data = teaching_data(prepared, of, latest, phase.validation)
    found: dict[str, Retriever] = {}
    best: dict[str, dict[str, float]] = {}
    for name in settings.retriever_names:
        if name == ITEM_TO_ITEM:
            config = ItemToItemConfig(data.features, settings.item_to_item_rank)
            found[name] = learn(purchases_at(prepared, of, phase.until), config, settings.seed)
            continue
        lesson = teach(settings, data, name, progress=progress)
        found[name] = lesson.model
        best[name] = _best(lesson)
        told.append(f"{phase.name} {name}: {_told(lesson)}")
        stem = name if phase.name == "served" else f"{name}_{phase.name}"
        curves = json.dumps(lesson.curves, indent=1) + "\n"
        replace_text(settings.models / f"{stem}_curves.json", curves)
    return Taught(packed(found), best, told)


@dataclass(frozen=True, slots=True)
class Teaching:
    """What a phase's retrievers are taught and judged by."""

    features: FeatureConfig
    described: torch.Tensor  # (items, G) each item's categories, by which a history knows it too
    moments: Sequence[Moment]
    judged: Moment
    stops: bool  # whether `judged` is apart from what is taught
    widths: dict[str, int]


def teaching_data(
    prepared: Prepared,
    of: Schema,
    cutoffs: Sequence[datetime],
    validation: datetime | None,
) -> Teaching:
    """Purchases after `cutoffs`, and those at `validation`, if any.

    Raises:
        PreparedError: nobody took anything for the first time.
    """
    moments = [read_moment(prepared, of, cutoff) for cutoff in cutoffs]
    if not any(moment.bought.lengths.any() for moment in moments):
        raise PreparedError(
            f"in the horizons from {cutoffs[0]:%Y-%m-%d} to {cutoffs[-1]:%Y-%m-%d} nobody took anything "
            "for the first time, so there is nothing to teach; set a later now, or bring more data"
        )
    judged = _judged(moments, None if validation is None else read_moment(prepared, of, validation))
    widths = {f"{i.name}{suffix}": i.length for i in of.inputs for suffix in ("", "__row")}
    features, described = feature_config(prepared, of), described_rows(prepared, of, cutoffs[-1])
    return Teaching(features, described, moments, judged, validation is not None, widths)


def teach(
    settings: TrainingSettings, data: Teaching, name: str, *, progress: bool
) -> RetrieverLesson:
    """A retriever taught by gradients; stopped by recall where something is apart to judge it by."""
    torch.manual_seed(settings.seed)
    lesson = RetrieverLesson(
        _new(settings, data, name),
        settings.retriever_learning_rate,
        settings.retriever_weight_decay,
        catalogue_tensors(data.judged),
        JUDGED,
    )
    fit(
        lesson,
        _training(settings, data),
        _validation(settings, data) if data.stops else None,
        settings.retriever_epochs,
        Watch("recall", "max", settings.retriever_patience) if data.stops else None,
        progress=progress,
    )
    return lesson


def _new(settings: TrainingSettings, data: Teaching, name: str) -> Retriever:
    dropout = settings.retriever_dropout
    if name == TWO_TOWER:
        return new(name, TwoTowerConfig(data.features, settings.dimension, dropout=dropout))
    config = SequenceConfig(
        data.features,
        settings.dimension,
        dropout=dropout,
        embedding_dropout=settings.embedding_dropout,
        length=data.widths[RECENT],
    )
    retriever = new(name, config)
    assert isinstance(retriever, SasRec | Gru4Rec)
    retriever.history.described.copy_(data.described)
    return retriever


def _training(settings: TrainingSettings, data: Teaching) -> DataLoader[dict[str, torch.Tensor]]:
    moments = data.moments
    batches = RetrieverBatches(
        moments, data.widths, settings.retriever_negatives, settings.unknown_share, settings.seed
    )
    takers = sum(int(np.count_nonzero(moment.bought.lengths)) for moment in moments)
    size = batch_size(settings.retriever_batch, takers)
    order = ShuffledUsers(moments, size, settings.seed)
    return DataLoader(batches, sampler=order, batch_size=None)


def _validation(settings: TrainingSettings, data: Teaching) -> DataLoader[dict[str, torch.Tensor]]:
    validation = RetrieverValidation(data.judged, data.widths, settings.retriever_batch)
    return DataLoader(validation, batch_size=None)


def _told(lesson: RetrieverLesson) -> str:
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


def _best(lesson: RetrieverLesson) -> dict[str, float]:
    best = max(lesson.curves, key=lambda epoch: epoch.get("recall", epoch["epoch"]))
    return {name: round(value, 4) for name, value in best.items()}


if __name__ == "__main__":
    sys.exit(main())
