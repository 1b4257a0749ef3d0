"""Evaluates offline at the validation cut-off: `python -m training.evaluate --state FOLDER`.

Writes `<state>/report/metrics.json` and what the report page is drawn from. The horizon after now is
not looked at here: `make score` does that.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.markup import escape

from training.atomic import replace_text
from training.data import Prepared, open_prepared
from training.datasets.errors import DataSetError
from training.errors import PreparedError, TrainingError
from training.evaluation import curves
from training.evaluation.answers import baseline_slates, offline_answers, pairs
from training.evaluation.candidate_figures import candidate_figures
from training.evaluation.classification import Pairs
from training.evaluation.evaluation_table import print_evaluation
from training.evaluation.held_out import TASKS, Targets, counts, held_out, read_purchases
from training.evaluation.measurements import Subject, merge, ranking, write
from training.settings import TrainingSettings, read_settings
from training.step import step

ROOT = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate")
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    console = Console()
    try:
        evaluate(read_settings(given.state), console)
    except (TrainingError, DataSetError) as error:
        console.print(f"[red]evaluate:[/red] {escape(str(error))}")
        return 1
    return 0


def evaluate(settings: TrainingSettings, console: Console) -> None:
    """Measures, prints and writes.

    Raises:
        TrainingError, DataSetError: the state folder is incomplete.
    """
    report = settings.state / "report"
    prepared = open_prepared(settings.prepared)
    cutoff, horizon = prepared.cutoffs[-2], prepared.horizon
    name = str(prepared.features["project"])
    with step(report, "evaluate"):
        purchases = read_purchases(settings.state).filter(pl.col("time") < prepared.now)
        targets = held_out(purchases, cutoff, horizon)
        baselines = baseline_slates(purchases, cutoff, targets)
        answers = offline_answers(settings, cutoff, targets, console)
        subject = Subject(name, settings.seed, len(prepared.item_keys))
        measured = [
            m
            for task in TASKS
            for m in ranking(subject, targets[task], answers.slates.get(task, {}) | baselines[task])
        ]
        scored = pairs(answers.lists["any"], targets["any"])
        threshold = trained_threshold(settings.models)
        measured += candidate_figures(subject, targets, answers, threshold)
        write(report / "metrics.json", measured)
        material = _material(settings, prepared, targets, scored, threshold)
        replace_text(report / "evaluation.json", json.dumps(material, indent=1) + "\n")
    if settings.state.resolve() == ROOT / "build" / "full":
        merge(ROOT / "build" / "report" / "metrics.json", map(asdict, measured))
    print_evaluation(measured, cutoff, horizon, counts(targets), console)


def trained_threshold(models: Path) -> float:
    """The probability that training chose on the validation cut-off; every bundle carries it.

    Raises:
        PreparedError: the ranker was not trained.
    """
    path = models / "ranker.json"
    if not path.is_file():
        raise PreparedError(f"{path} is missing; run training.train_ranker first")
    return float(json.loads(path.read_text())["threshold"])


def _material(
    settings: TrainingSettings,
    prepared: Prepared,
    targets: Mapping[str, Targets],
    scored: Pairs,
    threshold: float,
) -> dict[str, object]:
    """What the report page says of the run, and its curves."""
    return {
        "dataset": prepared.features["project"],
        "now": prepared.now.isoformat(),
        "cutoff": prepared.cutoffs[-2].isoformat(),
        "first_cutoff": prepared.cutoffs[0].isoformat(),
        "cutoffs": len(prepared.cutoffs),
        "horizon_days": prepared.horizon.days,
        "profile": settings.profile,
        "seed": settings.seed,
        "items": len(prepared.item_keys),
        "users": counts(targets),
        "pairs": len(scored.bought),
        "bought_share": float(scored.bought.mean()),
        "threshold": threshold,
        "roc": curves.roc(scored),
        "precision_recall": curves.precision_recall(scored),
        "calibration": curves.calibration(scored),
    }


if __name__ == "__main__":
    sys.exit(main())
