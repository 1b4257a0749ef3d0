"""Writes the report page: `python -m training.report --state FOLDER`.

One file, `<state>/report/index.html`, that loads nothing: what was measured, on what, and how sure it is.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from training.atomic import replace_text
from training.errors import PreparedError, TrainingError
from training.evaluation import report_figures as figures
from training.evaluation.held_out import TASKS
from training.rendered import rendered, words
from training.settings import read_settings

METRICS = ("ndcg@10", "recall@10", "hit_rate@10", "coverage@10")
METRICS_20 = ("ndcg@20", "recall@20", "hit_rate@20", "coverage@20")
Row = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.report")
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    console = Console()
    try:
        path = write_page(read_settings(given.state).state)
    except TrainingError as error:
        console.print(f"[red]report:[/red] {escape(str(error))}")
        return 1
    console.print(f"Report: {path}")
    return 0


def write_page(state: Path) -> Path:
    """Draws the page from what evaluate, and score if it ran, have written.

    Raises:
        PreparedError: there was no evaluation yet.
    """
    report = state / "report"
    material = _read(report / "evaluation.json")
    measured = _read(report / "metrics.json")
    if material is None or measured is None:
        raise PreparedError(f"{report} holds no evaluation; run training.evaluate first")
    manifest = _read(state / "bundles" / "current" / "manifest.json")
    score = _current_score(_read(report / "score.json"), material, manifest)
    page = rendered(
        "report.html.j2",
        material=material,
        manifest=manifest,
        score=score,
        tasks=TASKS,
        tables={task: [table(measured, task, m) for m in (METRICS, METRICS_20)] for task in TASKS},
        candidates=_candidates(measured, score),
        candidate_recall=_recalls(measured),
        held_out=_held_out(score),
        learning=_learning(state / "models"),
        foreseen=_foreseen(state / "models"),
        drawings=_drawings(material, measured),
    )
    path = report / "index.html"
    replace_text(path, page)
    return path


def table(measured: Sequence[Row], task: str, metrics: Sequence[str]) -> Row:
    """Rows of models by columns of metrics; the best value of each column is marked."""
    cells = {(m["model"], m["metric"]): m for m in measured if m["task"] == task}
    models = [
        model
        for model in dict.fromkeys(model for model, _ in cells)
        if (model, metrics[0]) in cells
    ]
    best = (
        {metric: max(cells[model, metric]["value"] for model in models) for metric in metrics}
        if models
        else {}
    )
    return {
        "metrics": metrics,
        "rows": [
            {
                "model": model,
                "cells": [
                    cells[model, metric] | {"best": cells[model, metric]["value"] == best[metric]}
                    for metric in metrics
                ],
            }
            for model in models
        ],
    }


def _candidates(measured: Sequence[Row], score: Row | None) -> list[Row]:
    """A row a classification metric: at validation, and on the held-out fortnight if scored."""
    later = {} if score is None else _of_task(score["measurements"], "candidates")
    return [
        {"metric": metric, "validation": found, "held_out": later.get(metric)}
        for metric, found in _of_task(measured, "candidates").items()
    ]


def _of_task(measured: Sequence[Row], task: str) -> dict[str, Row]:
    return {m["metric"]: m for m in measured if m["task"] == task}


def _recalls(measured: Sequence[Row]) -> dict[str, Row]:
    return {m["task"]: m for m in measured if m["metric"] == "candidate_recall"}


def _held_out(score: Row | None) -> list[Row]:
    """A table a task, with the paired difference of served and personal decay."""
    if score is None:
        return []
    differences = {(d["task"], d["metric"]): d for d in score["differences"]}
    return [
        table(score["measurements"], task, METRICS)
        | {"task": task, "differences": [differences.get((task, m)) for m in METRICS]}
        for task in TASKS
    ]


def _current_score(
    score: Row | None, material: Mapping[str, Any], manifest: Row | None
) -> Row | None:
    """The score, unless it is of another bundle or another now."""
    if score is None or manifest is None or score["bundle_id"] != manifest["bundle_id"]:
        return None
    return score if score["now"] == material["now"] else None


def _learning(models: Path) -> dict[str, str]:
    """A drawing of everything that the latest training taught by gradients."""
    found = {title: _read(models / f"{stem}_curves.json") for title, stem in _taught(models)}
    return {title: figures.learning_curves(epochs) for title, epochs in found.items() if epochs}


def _taught(models: Path) -> Iterator[tuple[str, str]]:
    """Title, and the stem of the file of curves."""
    retrievers, rankers = (_read(models / f"{s}.json") or {} for s in ("retriever", "ranker"))
    for name in retrievers.get("served", {}):
        yield f"Retriever: {words(name)}", name
    for name in retrievers.get("early", {}):
        yield f"Retriever: {words(name)}, before the ranker's cut-offs", f"{name}_early"
    for name in rankers.get("members", {}):
        yield f"Ranker: {words(name)}", name


def _foreseen(models: Path) -> list[Row]:
    """A row a ranker and action beside the target, where the data set has any."""
    members = (_read(models / "ranker.json") or {}).get("members", {})
    return [
        {"model": name, "action": kind, **figures}
        for name, member in members.items()
        for kind, figures in member.get("actions", {}).items()
    ]


def _drawings(material: Mapping[str, Any], measured: Sequence[Row]) -> dict[str, str]:
    ranker = {metric: m["value"] for metric, m in _of_task(measured, "candidates").items()}
    if not ranker:
        return {}
    return {
        "ROC": figures.roc(material["roc"], ranker["auc"]),
        "Precision and recall": figures.precision_recall(
            material["precision_recall"], ranker["average_precision"], material["bought_share"]
        ),
        "Calibration": figures.calibration(material["calibration"], ranker["calibration_error"]),
    }


def _read(path: Path) -> Any:
    """The parsed file, None if there is none."""
    return json.loads(path.read_text()) if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
