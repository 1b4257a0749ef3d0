"""The peers of leave-one-out, what tuning may choose from, and what it chose.

`python -m training.leaderboard.next_peers tune --state FOLDER` tries each peer's parameters, six settings by
default, on everybody's second-last item: the last ones are not among what it sees. What is best goes to
`next_tuned.json` beside this file, which is committed.

Everybody's history ends at another time, and most are of one sitting: a peer whose purchases fade is told
that the newest item was taken a day before the cut-off and each earlier one a day before the next, so that
a half-life in days is one in places. A history is one basket.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.markup import escape

from training.datasets.errors import DataSetError
from training.errors import TrainingError
from training.evaluation.held_out import rows_of
from training.evaluation.metrics import judge
from training.leaderboard.contests import Period
from training.leaderboard.leave_one_out import TASK, leave_one_out
from training.peers import als, bpr, ease, gru4rec, item_knn, popularity, sasrec
from training.peers.pages import Pages
from training.peers.table import PEERS, Peer
from training.peers.tuned import read_chosen, write_chosen
from training.tune import TRIALS, settings, trial_count

TUNED = Path(__file__).with_name("next_tuned.json")
SEED = 7
K = 10
SEQUENCES: Mapping[str, tuple[float, ...]] = {
    "dropout": (0.1, 0.2, 0.3, 0.4),
    "windows": (4, 8),
    "epochs": (10, 20, 30),
    "learning_rate": (1e-3, 2e-3, 3e-3),
}


def _peer(name: str, defaults: object, space: Mapping[str, tuple[float, ...]]) -> Peer[Any]:
    return replace(PEERS[name], defaults=defaults, space=space)


NEXT_PEERS: Mapping[str, Peer[Any]] = {
    "popularity": _peer(
        "popularity",
        popularity.Popularity(half_life_days=3650.0),
        {"half_life_days": (10.0, 30.0, 100.0, 300.0, 3650.0)},
    ),
    "item_knn": _peer(
        "item_knn",
        item_knn.ItemKnn(neighbours=200, shrinkage=10.0, half_life_days=5.0),
        {
            "neighbours": (100, 200, 500, 2000),
            "shrinkage": (0.0, 5.0, 10.0, 30.0),
            "half_life_days": (2.0, 5.0, 10.0, 20.0),
        },
    ),
    "ease": _peer(
        "ease",
        ease.Ease(half_life_days=20.0, power=0.5, regularization=200.0),
        {
            "half_life_days": (5.0, 10.0, 20.0, 50.0),
            "power": (0.5, 0.7, 1.0),
            "regularization": (100.0, 200.0, 500.0, 1000.0),
        },
    ),
    "als": _peer(
        "als",
        als.Als(half_life_days=20.0),
        {
            "factors": (32, 64, 96),
            "regularization": (1.0, 5.0, 10.0, 20.0),
            "half_life_days": (5.0, 10.0, 20.0, 50.0),
            "confidence": (1.0, 2.0, 5.0, 10.0),
        },
    ),
    "bpr": _peer(
        "bpr",
        bpr.Bpr(learning_rate=0.05, regularization=0.01, iterations=100),
        {
            "factors": (32, 64, 128),
            "learning_rate": (0.01, 0.03, 0.05),
            "regularization": (0.003, 0.01, 0.03),
            "iterations": (100, 200, 300),
        },
    ),
    "sasrec": _peer(
        "sasrec", sasrec.SasRec(dropout=0.2, windows=8, epochs=20, negatives=0), SEQUENCES
    ),
    "gru4rec": _peer(
        "gru4rec",
        gru4rec.Gru4Rec(units=64, dropout=0.2, windows=8, epochs=20, negatives=0),
        SEQUENCES,
    ),
}


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best of so many trials, and what it reached on the second-last items."""

    parameters: Any  # of the peer's own dataclass
    trials: int
    hit_rate10: float
    ndcg10: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.leaderboard.next_peers")
    parser.add_argument("action", choices=("tune",))
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--trials", type=trial_count, default=TRIALS, help="default: %(default)s")
    parser.add_argument("--peers", nargs="+", choices=NEXT_PEERS, default=list(NEXT_PEERS))
    parser.add_argument("--out", type=Path, default=TUNED, help="default: %(default)s")
    given = parser.parse_args()
    console = Console()
    try:
        period = leave_one_out(given.state, back=1).periods[0]
    except (TrainingError, DataSetError) as error:
        console.print(f"[red]next_peers:[/red] {escape(str(error))}")
        return 1
    for name in given.peers:
        found = tune(name, given.trials, period, console)
        write_tuned(read_tuned(given.out) | {name: found}, given.out)
    return 0


def tune(name: str, trials: int, period: Period, console: Console) -> Tuned:
    """Tries the settings in turn, and tells of each."""
    given = settings(name, NEXT_PEERS[name], trials, SEED)
    tried = []
    for parameters in given:
        began = time.perf_counter()
        hit_rate, ndcg = attempt(name, parameters, period)
        seconds = time.perf_counter() - began
        tried.append(Tuned(parameters, len(given), round(hit_rate, 5), round(ndcg, 5)))
        told = f"{parameters}: hit rate {hit_rate:.4f}, NDCG {ndcg:.4f} ({seconds:.0f} s)"
        console.print(escape(told), highlight=False, soft_wrap=True)
    return max(tried, key=lambda one: one.hit_rate10 + one.ndcg10)


def attempt(name: str, parameters: object, period: Period) -> tuple[float, float]:
    """Hit rate and NDCG at 10."""
    targets = period.targets[TASK]
    pages = asked(name, parameters, period.history, period.cutoff, period.user_ids, K, SEED)
    judged = judge(pages.new[rows_of(targets.user_ids, period.user_ids)], targets.items)
    return float(judged.hit_rate(K).mean()), float(judged.ndcg(K).mean())


def asked(
    name: str,
    parameters: object,
    purchases: pl.DataFrame,
    cutoff: datetime,
    user_ids: pl.Series,
    count: int,
    seed: int,
) -> Pages:
    told = by_place(purchases, cutoff)
    return NEXT_PEERS[name].rank(told, cutoff, user_ids, count, parameters, seed)


def by_place(purchases: pl.DataFrame, cutoff: datetime) -> pl.DataFrame:
    """The newest of each user a day before the cut-off; rows are in the order of time."""
    back = pl.int_range(pl.len(), 0, -1).over("user_id")
    return purchases.with_columns(time=pl.lit(cutoff) - pl.duration(days=back), group=pl.lit(0))


def read_tuned(path: Path = TUNED) -> dict[str, Tuned]:
    """By peer; a peer that was not tuned is absent.

    Raises:
        KeyError, TypeError: it names a peer or a parameter that is not there.
    """
    return read_chosen(path, NEXT_PEERS, Tuned) if path.is_file() else {}


def write_tuned(found: Mapping[str, Tuned], path: Path = TUNED) -> None:
    """In the order of the table."""
    write_chosen(path, NEXT_PEERS, found)


if __name__ == "__main__":
    sys.exit(main())
