"""What `make score` prints."""

from collections.abc import Mapping, Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from training.evaluation.held_out import TASKS
from training.evaluation.intervals import Interval
from training.evaluation.measurements import Measurement
from training.evaluation.oracle import NAME as ORACLE
from training.evaluation.score_checks import Check
from training.evaluation.served import Served

SHOWN = ("ndcg@10", "recall@10", "hit_rate@10", "ndcg@20", "recall@20", "coverage@10")
REACH = SHOWN[0]
LISTED = 5  # kinds of degradation


def print_scores(
    measurements: Sequence[Measurement],
    differences: Mapping[tuple[str, str], Interval],
    models: Sequence[str],
    users: Mapping[str, int],
    console: Console,
) -> None:
    """A row a task and metric, a column a model, and the paired difference of the first and last."""
    first, last = models[0], models[-1].replace("_", " ")
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=0,  # the box keeps columns apart, and five models must fit into 80 columns
        show_edge=False,
        title="Answers against what was then taken",
        caption=f"Difference: {first} less {last} on the same users, with its 95 % interval.",
        caption_justify="left",
    )
    table.add_column("", no_wrap=True)
    for model in models:
        words = model.split("_")
        table.add_column(" ".join(words), justify="right", min_width=max(map(len, words)))
    table.add_column("difference", justify="right", no_wrap=True)
    figures = {(m.task, m.model, m.metric): m.value for m in measurements}
    for task in TASKS:
        table.add_row(f"[bold]{task}, {users[task]:,}[/bold]")
        for metric in SHOWN:
            values = [figures.get((task, model, metric)) for model in models]
            table.add_row(metric, *map(figure, values), difference(differences.get((task, metric))))
        table.add_section()
    console.print(table)


def print_answers(
    served: Served, identical: float, hours_past_now: float, console: Console
) -> None:
    """How the gateway answered."""
    console.print(
        f"{served.answers:,} answers by bundle {', '.join(served.bundles)}, snapshot "
        f"{', '.join(served.snapshots)}; {served.cold_starts:,} cold starts; "
        f"{identical:.1%} of the pages are those computed offline, place by place"
    )
    if len(served.milliseconds):
        middle, slow = np.percentile(served.milliseconds, (50, 99))
        console.print(f"Milliseconds as the caller waited: median {middle:.1f}, p99 {slow:.1f}")
    console.print(f"Degraded answers: {served.degraded:,}")
    for text, count in list(served.degradations.items())[:LISTED]:
        console.print(f"  {count:,} x {text}", markup=False)
    if abs(hours_past_now) > 24:
        console.print(
            f"[yellow]The system's clock is {hours_past_now:.0f} hours past its now; "
            "`make down up` sets it back.[/yellow]"
        )


def print_reach(measurements: Sequence[Measurement], console: Console) -> None:
    """How much of what could have been known is served; nothing where the truth is unknown."""
    figures = {(m.task, m.model): m.value for m in measurements if m.metric == REACH}
    shares = [
        f"{task} {figures[task, 'served'] / best:.0%}"
        for task in TASKS
        if (best := figures.get((task, ORACLE), 0.0)) > 0
    ]
    if shares:
        console.print(f"Of the oracle's {REACH}, the served answers reach: {', '.join(shares)}")


def print_checks(checks: Sequence[Check], console: Console) -> None:
    for check in checks:
        word = "[green]holds[/green]" if check.passed else "[red]FAILS[/red]"
        if not check.judged:
            word = "[dim]not judged[/dim]"
        console.print(f"{word}  {check.text}", highlight=False)


def figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def difference(found: Interval | None) -> str:
    if found is None or found.low is None or found.high is None:
        return ""
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
