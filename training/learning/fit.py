"""Runs a Lightning lesson: progress, early stopping, best checkpoint, no chatter."""

import logging
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar
from torch.utils.data import DataLoader

EXPECTED = (
    # Batches are made from arrays in memory: a worker process would only copy them.
    ".*does not have many workers.*",
    # The logs are kept by the lessons themselves, once an epoch.
    ".*is smaller than the logging interval.*",
    # With few cut-offs there is none to spare for the early tower's validation.
    ".*defined a `validation_step` but have no `val_dataloader`.*",
    # The frozen tower inside the ranker.
    r".*Found \d+ module\(s\) in eval mode.*",
    # Lightning asks torch in a way that torch has replaced.
    r".*isinstance\(treespec, LeafSpec\).*",
)


FEWEST_STEPS = 50  # of an epoch: few examples in large batches would teach nothing


@dataclass(frozen=True, slots=True)
class Watch:
    """The validation measure that decides when to stop and which epoch is kept."""

    measure: str
    mode: str  # "min" or "max"
    patience: int


def fit(
    lesson: lightning.LightningModule,
    train: DataLoader[Any],
    validation: DataLoader[Any] | None,
    epochs: int,
    watch: Watch | None,
    *,
    progress: bool,
) -> None:
    """Trains in place; with a `watch` the weights are those of the best epoch afterwards."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        for message in EXPECTED:
            warnings.filterwarnings("ignore", message=message)
        best = None if watch is None else _checkpoint(watch, Path(scratch))
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            logger=False,
            callbacks=_callbacks(watch, best, progress=progress),
            enable_checkpointing=best is not None,
            enable_model_summary=False,
            enable_progress_bar=progress,
            num_sanity_val_steps=0,
            default_root_dir=scratch,
        )
        lesson.train()  # Lightning leaves the modes as it finds them
        trainer.fit(lesson, train, validation)
        if best is not None and best.best_model_path:
            saved = torch.load(best.best_model_path, weights_only=True)
            lesson.load_state_dict(saved["state_dict"])
    lesson.eval()


def batch_size(asked: int, examples: int) -> int:
    """The size asked for, or less where there are so few examples that an epoch would be a few steps."""
    return max(1, min(asked, examples // FEWEST_STEPS))


def set_threads(threads: int) -> None:
    """0 leaves torch's own choice: one a core."""
    if threads:
        torch.set_num_threads(threads)


def _checkpoint(watch: Watch, scratch: Path) -> ModelCheckpoint:
    return ModelCheckpoint(
        scratch, monitor=watch.measure, mode=watch.mode, save_top_k=1, save_weights_only=True
    )


def _callbacks(
    watch: Watch | None, best: ModelCheckpoint | None, *, progress: bool
) -> list[Callback]:
    found: list[Callback] = []
    if progress:
        found.append(RichProgressBar(refresh_rate=5))
    if watch is not None and best is not None:
        found.append(EarlyStopping(watch.measure, mode=watch.mode, patience=watch.patience))
        found.append(best)
    return found
