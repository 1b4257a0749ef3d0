"""The figures of one scoring."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.evaluation.answers import OfflineAnswers, Slates
from training.evaluation.candidate_figures import candidate_figures
from training.evaluation.held_out import TASKS, Targets
from training.evaluation.intervals import Interval, mean_intervals
from training.evaluation.measurements import Measurement, Subject, per_user, ranking
from training.evaluation.oracle import NAME as ORACLE
from training.evaluation.served import Served

MODELS = ("served", "offline", ORACLE, "popularity", "personal_decay")  # those that there are


@dataclass(frozen=True, slots=True)
class Run:
    """One scoring, before it is judged."""

    models: tuple[str, ...]
    measurements: list[Measurement]
    differences: dict[tuple[str, str], Interval]  # (task, metric): served - personal decay, paired
    identical: float  # share of the pages that are those computed offline, place by place


def measure(
    subject: Subject,
    targets: Mapping[str, Targets],
    served: Served,
    offline: OfflineAnswers,
    baselines: Mapping[str, Slates],
    threshold: float,
) -> Run:
    """Every model's figures on the same users; the ranker as a classifier at `threshold`."""
    measurements: list[Measurement] = []
    differences: dict[tuple[str, str], Interval] = {}
    for task in TASKS:
        if not len(targets[task].user_ids):
            continue
        slates = {
            "served": served.slates[task],
            "offline": offline.slates[task]["pipeline"],
            **baselines[task],
        }
        measurements += ranking(subject, targets[task], slates)
        by_user = per_user(targets[task], slates)
        gaps = {
            metric: values - by_user["personal_decay"][metric]
            for metric, values in by_user["served"].items()
        }
        for metric, found in mean_intervals(gaps, subject.seed).items():
            differences[task, metric] = found
    measurements += candidate_figures(subject, targets, offline, threshold)
    models = tuple(name for name in MODELS if any(m.model == name for m in measurements))
    return Run(models, measurements, differences, _identical(served, offline))


def _identical(served: Served, offline: OfflineAnswers) -> float:
    same = [
        (served.slates[task] == offline.slates[task]["pipeline"]).all(axis=1)
        for task in offline.lists
    ]
    return float(np.concatenate(same).mean())
