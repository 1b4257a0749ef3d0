"""What `make up` prints of the offline evaluation."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from rich import box
from rich.console import Console
from rich.table import Table

from training.evaluation.measurements import Measurement

BASELINES = ("popularity", "personal_decay")  # shown last
SHOWN = (
    ("any", "ndcg@10"),
    ("any", "recall@10"),
    ("new", "ndcg@10"),
    ("new", "recall@10"),
    ("basket", "recall@10"),
    ("any", "coverage@10"),
)


def print_evaluation(
    measurements: Sequence[Measurement],
    cutoff: datetime,
    horizon: timedelta,
    users: Mapping[str, int],
    console: Console,
) -> None:
    """The figures that matter most; the report page has them all, with their intervals."""
    figures = {(m.task, m.model, m.metric): m.value for m in measurements}
    models = _models(measurements)
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title=f"Offline, {users['any']:,} users in the {horizon.days} days from {cutoff:%d %B %Y}",
    )
    table.add_column("", no_wrap=True)
    for model in models:
        table.add_column(model.replace("_", " "), justify="right")
    for task, metric in SHOWN:
        values = [figures.get((task, model, metric)) for model in models]
        table.add_row(f"{task} {metric}", *("" if v is None else f"{v:.4f}" for v in values))
    console.print(table)
    ranker = {m.metric: m.value for m in measurements if m.task == "candidates"}
    if ranker:
        console.print(
            "Ranker over the candidates: "
            + ", ".join(f"{name.replace('_', ' ')} {v:.4f}" for name, v in ranker.items()),
            highlight=False,
        )


def _models(measurements: Sequence[Measurement]) -> list[str]:
    """Whoever answers with pages: the pipeline, each of its sources, and the baselines."""
    judged = dict.fromkeys(m.model for m in measurements if m.metric == SHOWN[0][1])
    return [*(name for name in judged if name not in BASELINES), *BASELINES]
