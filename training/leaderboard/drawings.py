"""The leaderboard's drawings, as SVG that the page carries inside."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from training.evaluation.report_figures import BLUE, GREY, figure
from training.leaderboard.goals import OURS
from training.leaderboard.judging import DEPTHS, Measure
from training.leaderboard.slices import MEANING
from training.leaderboard.standings import CANDIDATES, Standings
from training.leaderboard.tables import label
from training.rendered import words

RANKED = ("any", "new", "basket", "next")


def drawings(standings: Standings) -> dict[str, str]:
    """Title to data URL; only of what was measured."""
    tasks = [task for task in RANKED if task in standings.contest.pages]
    found = of_pages(standings, tasks) if tasks else of_pairs(standings)
    if standings.calibration:
        found["Calibration, equal mass bins"] = calibration(standings)
    return found


def of_pages(standings: Standings, tasks: Sequence[str]) -> dict[str, str]:
    measure = Measure(tasks[0], "ndcg@10")
    found = {
        "NDCG@10 with 95 % intervals": bars(standings, [Measure(t, "ndcg@10") for t in tasks]),
        "Candidate recall by depth": recall_by_depth(standings, tasks[0]),
        f"{label(measure)} by slice": slice_dots(standings, measure),
    }
    if len(standings.periods) > 1:
        found[f"{label(measure)} by period"] = by_period(standings, measure)
    return found


def of_pairs(standings: Standings) -> dict[str, str]:
    measures = [Measure(CANDIDATES, metric) for metric in ("auc", "average_precision")]
    return {"AUC and average precision with 95 % intervals": bars(standings, measures)}


def bars(standings: Standings, measures: Sequence[Measure]) -> str:
    height = 1.0 + 0.24 * len(standings.seeds)
    with figure(3.4 * len(measures), height, len(measures)) as (axes, drawn):
        for ax, measure in zip(axes, measures, strict=True):
            _bars(ax, standings, measure)
    return drawn[0]


def _bars(ax: Axes, standings: Standings, measure: Measure) -> None:
    known = [
        (model, found.interval)
        for model in standings.seeds
        if (found := standings.get(model, measure)) is not None
    ]
    known.sort(key=lambda one: one[1].value)
    values = [found.value for _, found in known]
    below = [found.value - (found.low or found.value) for _, found in known]
    above = [(found.high or found.value) - found.value for _, found in known]
    colours = [BLUE if model == OURS else GREY for model, _ in known]
    # A percentile interval may leave its figure out by a hair: no bar has a negative length.
    reach = np.maximum([below, above], 0.0)
    ax.barh([words(model) for model, _ in known], values, color=colours, xerr=reach, height=0.7)
    ax.set_axisbelow(True)
    ax.set_title(label(measure))


def recall_by_depth(standings: Standings, task: str) -> str:
    with figure(5.6, 3.6) as (axes, drawn):
        for model in standings.seeds:
            curve = [
                (k, found.value)
                for k in DEPTHS
                if (found := standings.get(model, Measure(task, f"candidate_recall@{k}")))
            ]
            if curve:
                axes[0].plot(*zip(*curve, strict=True), "o-", ms=2.5, **_line(standings, model))
        _finish(axes[0], "Candidate recall", "candidates", f"recall of {task}")
    return drawn[0]


def calibration(standings: Standings) -> str:
    with figure(5.0, 3.6) as (axes, drawn):
        top = 1e-6
        for model, curve in standings.calibration.items():
            axes[0].plot(
                curve["probability"], curve["bought"], "o-", ms=2.5, **_line(standings, model)
            )
            top = max([top, *curve["probability"], *curve["bought"]])
        axes[0].plot([0, top], [0, top], "--", color=GREY, lw=1, label="exact")
        _finish(axes[0], "Calibration", "predicted probability", "share bought")
    return drawn[0]


def slice_dots(standings: Standings, measure: Measure) -> str:
    names = ["all", *MEANING]
    with figure(6.4, 3.6) as (axes, drawn):
        for model in standings.seeds:
            known = [
                (place, found.value)
                for place, name in enumerate(names)
                if (found := standings.get(model, measure._replace(slice=name)))
            ]
            if known:
                axes[0].plot(*zip(*known, strict=True), "o", ms=4, **_line(standings, model))
        axes[0].set_xticks(range(len(names)), [words(name) for name in names])
        _finish(axes[0], f"{label(measure)} by slice", "", "")
    return drawn[0]


def by_period(standings: Standings, measure: Measure) -> str:
    with figure(5.0, 3.6) as (axes, drawn):
        for model in standings.seeds:
            known = [
                (name, found.value)
                for name in standings.periods
                if (found := standings.get(model, measure, name))
            ]
            if known:
                axes[0].plot(*zip(*known, strict=True), "o-", ms=3, **_line(standings, model))
        _finish(axes[0], f"{label(measure)} by period", "", "")
    return drawn[0]


def _line(standings: Standings, model: str) -> dict[str, Any]:
    colours = mpl.colormaps["tab20"]
    place = list(standings.seeds).index(model)
    if model == OURS:
        return {"label": words(model), "color": BLUE, "lw": 2.5, "zorder": 5}
    return {"label": words(model), "color": colours(place % 20), "lw": 1}


def _finish(ax: Axes, title: str, x: str, y: str) -> None:
    ax.set_title(title)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
