"""The peers of leave-one-out, what tuning may choose from, and what it chose.

What is chosen (`python -m training.leaderboard.next_tune`) is kept in `next_tuned.json` beside this file,
which is committed.

Everybody's history ends at another time, and most are of one sitting: a peer whose purchases fade is told
that the newest item was taken a day before the cut-off and each earlier one a day before the next, so that
a half-life in days is one in places. A history is one basket, and all baskets are as fresh.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from training.peers import als, bpr, ease, gru4rec, item_knn, popularity, sasrec
from training.peers.pages import Pages
from training.peers.table import PEERS, Peer
from training.peers.tuned import read_chosen, write_chosen

TUNED = Path(__file__).with_name("next_tuned.json")
SEQUENCES: Mapping[str, tuple[float, ...]] = {
    "dropout": (0.1, 0.2, 0.3, 0.4, 0.5),
    "windows": (2, 4, 8, 16),
    "epochs": (10, 20, 30, 40),
    "learning_rate": (1e-3, 2e-3, 3e-3, 5e-3, 1e-2),
}


def _peer(
    name: str, defaults: object, space: Mapping[str, tuple[float, ...]], trials: int = 24
) -> Peer[Any]:
    return replace(PEERS[name], defaults=defaults, space=space, trials=trials)


NEXT_PEERS: Mapping[str, Peer[Any]] = {
    "popularity": _peer(
        "popularity",
        popularity.Popularity(half_life_days=3650.0),
        {"half_life_days": (3.0, 5.0, 10.0, 30.0, 100.0, 300.0, 3650.0)},
    ),
    "item_knn": _peer(
        "item_knn",
        item_knn.ItemKnn(200, 10.0, half_life_days=5.0, basket_half_life_days=3650.0),
        {
            "neighbours": (100, 200, 500, 2000),
            "shrinkage": (0.0, 5.0, 10.0, 30.0),
            "half_life_days": (0.5, 1.0, 2.0, 5.0, 10.0, 20.0),
        },
    ),
    "ease": _peer(
        "ease",
        ease.Ease(half_life_days=20.0, power=0.5, regularization=200.0),
        {
            "half_life_days": (1.0, 2.0, 5.0, 10.0, 20.0, 50.0),
            "power": (0.0, 0.3, 0.5, 0.7, 1.0),
            "regularization": (100.0, 200.0, 500.0, 1000.0),
        },
    ),
    "als": _peer(
        "als",
        als.Als(half_life_days=20.0),
        {
            "factors": (16, 32, 64, 96),
            "regularization": (1.0, 5.0, 10.0, 20.0),
            "half_life_days": (1.0, 2.0, 5.0, 10.0, 20.0, 50.0),
            "confidence": (1.0, 2.0, 5.0, 10.0),
        },
    ),
    "bpr": _peer(
        "bpr",
        bpr.Bpr(learning_rate=0.05, regularization=0.01, iterations=100),
        {
            "factors": (16, 32, 64, 128),
            "learning_rate": (0.003, 0.01, 0.03, 0.05),
            "regularization": (0.003, 0.01, 0.03, 0.1),
            "iterations": (100, 200, 300),
        },
    ),
    "sasrec": _peer(
        "sasrec",
        sasrec.SasRec(dropout=0.4, windows=4, epochs=30, learning_rate=5e-3, negatives=0),
        SEQUENCES,
    ),
    "gru4rec": _peer(
        "gru4rec",
        gru4rec.Gru4Rec(
            units=64, dropout=0.2, windows=8, epochs=30, learning_rate=3e-3, negatives=0
        ),
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
