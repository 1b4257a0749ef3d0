"""Chooses each peer's parameters: `python -m training.tune --state FOLDER`.

A peer is fitted where the first development period of Complete Journey begins, and judged on it, weeks
45-46 of 2017. It has as many trials as the table of peers says: the first is its defaults, the others are
drawn from its space. A peer answers with two pages, and what makes one good may make the other bad: the best
for the page of `any`, which answers `basket` too, and the best for that of `new` go to
`training/peers/tuned.json`, which is committed.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.markup import escape

from training.datasets.errors import DataSetError
from training.errors import TrainingError
from training.evaluation.held_out import Targets, held_out, histories, read_purchases, rows_of
from training.evaluation.metrics import judge
from training.peers.table import PEERS, Peer
from training.peers.tuned import FILE, Tunable, Tuned, read_tuned, write_tuned

CUTOFF = datetime(2017, 10, 30, 5, tzinfo=UTC)
HORIZON = timedelta(days=14)
SEED = 7
K = 10
OF_ANY, OF_NEW = ("any", "basket"), ("new",)  # the questions that a page answers
LEAST = 1e-6  # a figure of defaults that found nothing at all


@dataclass(frozen=True, slots=True)
class Trial:
    parameters: Any
    figures: Mapping[str, float]  # NDCG of `any` and `new`, recall of `basket`, all at K
    seconds: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What every trial is fitted to and judged by."""

    history: pl.DataFrame
    cutoff: datetime
    targets: Mapping[str, Targets]
    seed: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.tune")
    parser.add_argument("--state", type=Path, default=Path("build/full"))
    parser.add_argument("--trials", type=trial_count, help="default: the peer's own")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), metavar="PEER")
    parser.add_argument("--out", type=Path, default=FILE, help="default: %(default)s")
    given = parser.parse_args()
    console = Console()
    try:
        bench = open_bench(given.state, CUTOFF, HORIZON)
    except (TrainingError, DataSetError) as error:
        console.print(f"[red]tune:[/red] {escape(str(error))}")
        return 1
    for name in given.peers:
        found = tune(name, PEERS[name], given.trials, bench, console)
        earlier = read_tuned(given.out) if given.out.is_file() else {}
        write_tuned(earlier | {name: found}, given.out)
    return 0


def open_bench(state: Path, cutoff: datetime, horizon: timedelta) -> Bench:
    """Nothing after the horizon is looked at.

    Raises:
        PreparedError: the state folder isn't prepared, or nothing was bought in the horizon.
        DataSetError: the data set is incomplete.
    """
    purchases = read_purchases(state).filter(pl.col("time") < cutoff + horizon)
    targets = held_out(purchases, cutoff, horizon)
    return Bench(histories(purchases, cutoff), cutoff, targets, SEED)


def tune(name: str, peer: Peer[Any], trials: int | None, bench: Bench, console: Console) -> Tuned:
    """Tries the settings in turn, and tells of each."""
    tried: list[Trial] = []
    for parameters in settings(name, peer, trials, SEED):
        tried.append(attempt(peer, parameters, bench))
        console.print(
            f"{escape(str(parameters))}: {_told(tried[-1])}", highlight=False, soft_wrap=True
        )
    of_any, of_new = best(tried, OF_ANY), best(tried, OF_NEW)
    return Tuned(
        of_any.parameters,
        of_new.parameters,
        len(tried),
        round(of_any.figures["any"], 5),
        round(of_any.figures["basket"], 5),
        round(of_new.figures["new"], 5),
        round(max(of_any.seconds, of_new.seconds), 1),
    )


def settings(name: str, peer: Tunable, trials: int | None, seed: int) -> list[Any]:
    """The defaults and then others of the space, all different; fewer than `trials` if it holds fewer.

    None is as many as the peer says.
    """
    draw = np.random.default_rng([seed, *name.encode()])
    found = [peer.defaults]
    while len(found) < min(
        trials or peer.trials, prod(len(values) for values in peer.space.values())
    ):
        drawn = {key: values[draw.integers(len(values))] for key, values in peer.space.items()}
        other = replace(peer.defaults, **drawn)
        if other not in found:
            found.append(other)
    return found


def attempt(peer: Peer[Any], parameters: object, bench: Bench) -> Trial:
    """Fits, and judges what both pages answer."""
    users = bench.targets["any"].user_ids
    began = time.perf_counter()
    pages = peer.rank(bench.history, bench.cutoff, users, K, parameters, bench.seed)
    seconds = time.perf_counter() - began
    figures = {}
    for task, page in (("any", pages.any), ("basket", pages.any), ("new", pages.new)):
        targets = bench.targets[task]
        judged = judge(page[rows_of(targets.user_ids, users)], targets.items)
        found = judged.recall(K) if task == "basket" else judged.ndcg(K)
        figures[task] = float(found.mean())
    return Trial(parameters, figures, seconds)


def best(tried: Sequence[Trial], tasks: Sequence[str]) -> Trial:
    """The highest mean over the tasks, each in units of what the first trial, the defaults, reached.

    Of equals the one that is better at all else, then the earlier.
    """
    first = {task: max(value, LEAST) for task, value in tried[0].figures.items()}

    def worth(trial: Trial, of: Iterable[str]) -> float:
        return sum(trial.figures[task] / first[task] for task in of)

    return max(tried, key=lambda trial: (worth(trial, tasks), worth(trial, first)))


def _told(trial: Trial) -> str:
    figures = ", ".join(f"{task} {value:.4f}" for task, value in trial.figures.items())
    return f"{figures} ({trial.seconds:.0f} s)"


def trial_count(text: str) -> int:
    """From a command line."""
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no number of trials; it is at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
