"""Quality figures as build/report/metrics.json holds them (DESIGN.md, contract 12)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.atomic import replace_text
from training.evaluation.held_out import Targets
from training.evaluation.intervals import Interval, mean_intervals
from training.evaluation.metrics import PER_USER, coverage, judge

CUTS = (10, 20)
KEY = ("dataset", "task", "model", "metric")
Slates = Mapping[str, NDArray[np.int64]]  # model: (U, K) item keys


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure; `low` and `high` bound its 95 % interval over users, None where there is none."""

    dataset: str
    task: str  # any, new, basket, or candidates: the pairs that the ranker scores
    model: str
    metric: str
    value: float
    low: float | None
    high: float | None
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """What all figures of one run share."""

    dataset: str
    seed: int
    catalogue_size: int

    def measured(self, task: str, model: str, metric: str, found: Interval) -> Measurement:
        return Measurement(
            self.dataset, task, model, metric, found.value, found.low, found.high, (self.seed,)
        )


def ranking(subject: Subject, targets: Targets, slates: Slates) -> list[Measurement]:
    """Recall, NDCG, hit rate and coverage of each model's slates, at 10 and at 20."""
    if not len(targets.user_ids):
        return []
    by_user = per_user(targets, slates)
    flat = {
        (model, metric): values
        for model, metrics in by_user.items()
        for metric, values in metrics.items()
    }
    found = mean_intervals(flat, subject.seed)
    shown = {
        (model, f"coverage@{k}"): Interval(coverage(keys, k, subject.catalogue_size))
        for model, keys in slates.items()
        for k in CUTS
    }
    return [
        subject.measured(targets.task, model, metric, interval)
        for (model, metric), interval in (found | shown).items()
    ]


def per_user(targets: Targets, slates: Slates) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Model to metric, such as `ndcg@10`, to (U,) values."""
    found: dict[str, dict[str, NDArray[np.float64]]] = {}
    for model, keys in slates.items():
        judged = judge(keys, targets.items)
        found[model] = {f"{name}@{k}": judged.metric(name, k) for name in PER_USER for k in CUTS}
    return found


def value(measurements: Iterable[Measurement], task: str, model: str, metric: str) -> float | None:
    """The figure, None if it was not measured."""
    wanted = (task, model, metric)
    return next((m.value for m in measurements if (m.task, m.model, m.metric) == wanted), None)


def write(path: Path, measurements: Iterable[Measurement]) -> None:
    replace_text(path, json.dumps([asdict(m) for m in measurements], indent=1) + "\n")


def merge(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replaces the rows of the same data set, task, model and metric, and keeps all others."""
    fresh = {tuple(row[name] for name in KEY): dict(row) for row in rows}
    there = json.loads(path.read_text()) if path.is_file() else []
    kept = [row for row in there if tuple(row[name] for name in KEY) not in fresh]
    replace_text(path, json.dumps([*kept, *fresh.values()], indent=1) + "\n")
