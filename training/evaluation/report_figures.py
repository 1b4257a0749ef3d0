"""The report's drawings, as SVG that a page can carry inside."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.rendered import words

BLUE, GREY = "#2b6cb0", "#a0aec0"
STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e2e8f0",
    "axes.edgecolor": GREY,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "legend.frameon": False,
    "svg.hashsalt": "recserve",
}
Curve = Mapping[str, Sequence[float]]


def learning_curves(epochs: Sequence[Mapping[str, float]]) -> str:
    """A panel a measure: losses of different samples are not on one scale."""
    names = [name for name in epochs[0] if name != "epoch"]
    with figure(3.2 * len(names), 2.4, len(names)) as (axes, drawn):
        for ax, name in zip(axes, names, strict=True):
            known = [(e["epoch"], e[name]) for e in epochs if name in e]
            ax.plot(*zip(*known, strict=True), "o-", color=BLUE, ms=3.5)
            ax.set_title(words(name))
            ax.set_xlabel("epoch")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return drawn[0]


def roc(curve: Curve, auc: float) -> str:
    with figure(3.6, 3.2) as (axes, drawn):
        axes[0].plot([0, 1], [0, 1], "--", color=GREY, lw=1, label="by chance")
        axes[0].plot(
            curve["false_positive_rate"],
            curve["true_positive_rate"],
            color=BLUE,
            label=f"ranker, AUC {auc:.3f}",
        )
        _labels(axes[0], "ROC", "false positive rate", "true positive rate")
    return drawn[0]


def precision_recall(curve: Curve, average: float, share: float) -> str:
    with figure(3.6, 3.2) as (axes, drawn):
        axes[0].axhline(share, ls="--", color=GREY, lw=1, label=f"by chance, {share:.3f}")
        axes[0].plot(
            curve["recall"],
            curve["precision"],
            color=BLUE,
            label=f"ranker, average precision {average:.3f}",
        )
        axes[0].set_ylim(0, 1)
        _labels(axes[0], "Precision and recall", "recall", "precision")
    return drawn[0]


def calibration(curve: Curve, error: float) -> str:
    with figure(3.6, 3.2) as (axes, drawn):
        top = 1.05 * max([*curve["probability"], *curve["bought"], 1e-6])
        axes[0].plot([0, top], [0, top], "--", color=GREY, lw=1, label="exact")
        axes[0].plot(
            curve["probability"],
            curve["bought"],
            "o-",
            ms=3.5,
            color=BLUE,
            label=f"ranker, error {error:.4f}",
        )
        _labels(axes[0], "Calibration", "predicted probability", "share bought")
    return drawn[0]


def _labels(ax: Axes, title: str, x: str, y: str) -> None:
    ax.set_title(title)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.legend()


@contextmanager
def figure(width: float, height: float, panels: int = 1) -> Iterator[tuple[list[Axes], list[str]]]:
    """Yields the axes, and a list that holds the drawing's data URL afterwards."""
    drawn: list[str] = []
    with matplotlib.style.context(STYLE):
        sheet = Figure(figsize=(width, height), layout="constrained")
        axes = sheet.subplots(1, panels, squeeze=False)[0]
        yield list(axes), drawn
        target = io.BytesIO()
        sheet.savefig(target, format="svg", metadata={"Date": None})
    drawn.append("data:image/svg+xml;base64," + base64.b64encode(target.getvalue()).decode())
