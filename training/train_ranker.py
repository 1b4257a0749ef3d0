"""Trains the ranker: `python -m training.train_ranker --state FOLDER`.

Reads `models/retriever.ckpt`; writes `models/ranker.ckpt`, `models/ranker_curves.json`, and
`models/ranker.json` with what the step took.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from torch.utils.data import DataLoader

from training.atomic import replace_text
from training.candidates import sources_at
from training.data import Prepared, known_users, open_prepared
from training.errors import TrainingError
from training.evaluation.classification import Pairs, best_threshold
from training.known import known_at
from training.learning.calibration import log_loss, platt
from training.learning.checkpoints import Towers, load_towers, save_ranker
from training.learning.feature_config import check_same_inputs, feature_config
from training.learning.fit import Watch, batch_size, fit, set_threads
from training.learning.ranker_examples import (
    ExampleBatches,
    Examples,
    Sampling,
    UserOrder,
    examples,
    together,
)
from training.learning.schedule import schedule
from training.models.ranker import Ranker, RankerConfig
from training.models.ranker_lesson import RankerLesson
from training.progress_bar import progress_bar
from training.schema import Schema, schema
from training.settings import TrainingSettings, read_settings
from training.step import step


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.train_ranker")
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    console = Console()
    try:
        train(read_settings(given.state), console)
    except TrainingError as error:
        console.print(f"[red]train_ranker:[/red] {escape(str(error))}")
        return 1
    return 0


def train(settings: TrainingSettings, console: Console) -> None:
    """Writes the checkpoint and curves.

    Raises:
        TrainingError: the prepared data or the retriever is missing, or they don't fit together.
    """
    set_threads(settings.threads)
    prepared = open_prepared(settings.prepared)
    of = schema(prepared.features, "ranker")
    check_same_inputs(schema(prepared.features, "retriever"), of)
    towers = load_towers(settings.models / "retriever.ckpt", feature_config(prepared, of))
    with step(settings.models, "ranker") as figures:
        torch.manual_seed(settings.seed)
        ranker = Ranker(_config(settings, prepared, of, towers))
        ranker.tower.load_state_dict(towers.early.state_dict())
        taught, judged = _examples(settings, prepared, of, towers, ranker, console)
        console.print(
            f"ranker: {len(taught.item):,} examples, {len(judged.item):,} for validation, of which "
            f"{float(judged.bought.mean()):.2%} were taken"
        )
        lesson = teach(settings, ranker, taught, judged, progress=console.is_terminal)
        calibrated = calibrate(settings, lesson, judged)
        figures.update(calibrated)
        figures.update(examples=len(taught.item), validation_examples=len(judged.item))
        console.print(
            f"ranker: log loss {calibrated['log_loss']:.4f}, calibrated "
            f"{calibrated['log_loss_calibrated']:.4f}; F1 is best from a probability of "
            f"{calibrated['threshold']:.3f}"
        )
        curves = json.dumps(lesson.curves, indent=1)
        replace_text(settings.models / "ranker_curves.json", curves + "\n")
        save_ranker(settings.models / "ranker.ckpt", ranker)


def teach(
    settings: TrainingSettings,
    ranker: Ranker,
    taught: Examples,
    judged: Examples,
    *,
    progress: bool,
) -> RankerLesson:
    """Teaches in place; the ranker is that of the epoch with the lowest validation log loss."""
    scores = taught.crosses[:, -1]
    ranker.tower_mean.copy_(scores.mean())
    ranker.tower_std.copy_(scores.std().clamp(min=1e-6))
    lesson = RankerLesson(
        ranker,
        settings.ranker_learning_rate,
        settings.ranker_weight_decay,
        settings.ranker_negative_share,
    )
    fit(
        lesson,
        _loader(taught, batch_size(settings.ranker_batch, len(taught.offsets) - 1), settings.seed),
        _loader(judged, settings.ranker_batch, None),
        settings.ranker_epochs,
        Watch("log_loss", "min", settings.ranker_patience),
        progress=progress,
    )
    return lesson


def calibrate(
    settings: TrainingSettings, lesson: RankerLesson, judged: Examples
) -> dict[str, float]:
    """Platt scaling on validation, in place; says what the probabilities are worth there."""
    with torch.no_grad():
        parts = [lesson.logit(b) for b in _loader(judged, settings.ranker_batch, None)]
    logits = torch.cat(parts).numpy().astype(np.float64)
    bought = judged.bought.numpy().astype(np.float64)
    ranker = lesson.model
    before = log_loss(logits * float(ranker.slope) + float(ranker.offset), bought)
    slope, offset = platt(logits, bought, float(ranker.offset))
    ranker.slope.fill_(slope)
    ranker.offset.fill_(offset)
    after = log_loss(logits * slope + offset, bought)
    probability = 1 / (1 + np.exp(-(logits * slope + offset)))
    pairs = Pairs(np.zeros(len(bought), dtype=np.int64), probability.astype(np.float32), bought > 0)
    return {
        "log_loss": before,
        "log_loss_calibrated": after,
        "slope": slope,
        "offset": offset,
        "bought_share": float(bought.mean()),
        "threshold": best_threshold(pairs),  # on all pairs; that of policy.json
    }


def _config(
    settings: TrainingSettings, prepared: Prepared, of: Schema, towers: Towers
) -> RankerConfig:
    return RankerConfig(
        feature_config(prepared, of), towers.early.config, dropout=settings.ranker_dropout
    )


def _examples(
    settings: TrainingSettings,
    prepared: Prepared,
    of: Schema,
    towers: Towers,
    ranker: Ranker,
    console: Console,
) -> tuple[Examples, Examples]:
    """Of the training cut-offs, by the early tower's candidates; of validation, by the served one's."""
    plan = schedule(prepared.cutoffs, settings.ranker_cutoffs, prepared.horizon)
    thinned = Sampling(settings.ranker_negative_share, settings.unknown_share, settings.seed)
    wanted = [(cutoff, towers.early, thinned) for cutoff in plan.ranker]
    wanted.append((plan.validation, towers.served, Sampling()))
    found: list[Examples] = []
    with progress_bar(console, "Candidates and crosses", len(wanted)) as advance:
        for cutoff, tower, sampling in wanted:
            known = known_at(prepared, of, cutoff, known_users(prepared, cutoff))
            sources = sources_at(prepared, of, tower, cutoff, settings.retrieved)
            found.append(examples(known, sources, ranker, sampling))
            advance(1)
    return together(found[:-1]), found[-1]


def _loader(of: Examples, size: int, seed: int | None) -> DataLoader[dict[str, torch.Tensor]]:
    return DataLoader(ExampleBatches(of), sampler=UserOrder(of, size, seed), batch_size=None)


if __name__ == "__main__":
    sys.exit(main())
