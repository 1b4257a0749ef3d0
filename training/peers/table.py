"""The closed table of peers: how each ranks, its defaults, and what tuning may choose from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import polars as pl

from training.peers import (
    als,
    bpr,
    ease,
    gru4rec,
    item_knn,
    personal_decay,
    popularity,
    sasrec,
    tifu_knn,
)
from training.peers.pages import Pages

P_contra = TypeVar("P_contra", contravariant=True)
P = TypeVar("P")


class Rank(Protocol[P_contra]):
    def __call__(
        self,
        purchases: pl.DataFrame,  # user_id, item_key, group, time
        cutoff: datetime,  # later than every purchase
        user_ids: pl.Series,
        count: int,
        parameters: P_contra,
        seed: int,
    ) -> Pages:
        """Pages of `count` for each user.

        Raises:
            ValueError: a purchase is not before the cut-off.
        """
        ...


@dataclass(frozen=True, slots=True)
class Peer(Generic[P]):
    """`space` names, by parameter, every value that tuning may choose; the rest stays as in `defaults`.

    `trials` is how many settings tuning tries, the defaults among them; what is costly gets fewer.
    """

    rank: Rank[P]
    defaults: P
    space: Mapping[str, tuple[float, ...]]
    draws: bool = False  # whether another seed gives another answer
    trials: int = 24


SEQUENCES: Mapping[str, tuple[float, ...]] = {
    "dropout": (0.1, 0.2, 0.3, 0.5),
    "epochs": (8, 10, 12),
    "length": (50, 100),
    "windows": (2, 3),
    "learning_rate": (2e-3, 3e-3, 5e-3),
    "negatives": (256, 512),
}


PEERS: Mapping[str, Peer[Any]] = {
    "popularity": Peer(
        popularity.rank,
        popularity.Popularity(),
        {"half_life_days": (2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 14.0, 21.0, 28.0, 42.0, 56.0, 91.0)},
    ),
    "personal_decay": Peer(
        personal_decay.rank,
        personal_decay.PersonalDecay(),
        {"half_life_days": (28.0, 45.0, 63.0, 91.0, 120.0, 182.0, 365.0)},
    ),
    "tifu_knn": Peer(
        tifu_knn.rank,
        tifu_knn.TifuKnn(),
        {
            "group_size": (1, 2, 3, 5),
            "within_decay": (0.7, 0.8, 0.9, 1.0),
            "group_decay": (0.9, 0.93, 0.95, 0.97, 0.98),
            "neighbours": (50, 100, 200, 300, 600, 900),
            "own_share": (0.5, 0.7, 0.8, 0.9),
            "rarity": (0.0, 0.5, 1.0, 1.5, 2.0),
        },
        trials=200,
    ),
    "ease": Peer(
        ease.rank,
        ease.Ease(),
        {
            "half_life_days": (45.0, 63.0, 91.0, 120.0, 182.0),
            "power": (0.0, 0.5, 0.7, 1.0),
            "regularization": (10.0, 30.0, 50.0, 100.0, 200.0, 500.0),
        },
        trials=48,
    ),
    "item_knn": Peer(
        item_knn.rank,
        item_knn.ItemKnn(),
        {
            "neighbours": (100, 200, 500, 1000),
            "shrinkage": (0.0, 1.0, 3.0, 10.0, 30.0),
            "half_life_days": (14.0, 28.0, 45.0, 63.0, 91.0, 182.0),
            "basket_half_life_days": (14.0, 28.0, 45.0, 91.0, 182.0),
        },
    ),
    "als": Peer(
        als.rank,
        als.Als(),
        {
            "factors": (32, 64, 96, 128, 192),
            "regularization": (3.0, 10.0, 20.0, 30.0, 60.0),
            "half_life_days": (28.0, 45.0, 63.0, 91.0, 182.0),
            "confidence": (0.5, 1.0, 2.0, 4.0, 8.0),
        },
        draws=True,
        trials=48,
    ),
    "bpr": Peer(
        bpr.rank,
        bpr.Bpr(),
        {
            "factors": (32, 64, 128),
            "learning_rate": (0.002, 0.005, 0.01),
            "regularization": (0.001, 0.003, 0.01, 0.03),
            "iterations": (15, 30, 50, 100, 150),
        },
        draws=True,
        trials=12,
    ),
    "sasrec": Peer(
        sasrec.rank,
        sasrec.SasRec(dropout=0.2, learning_rate=2e-3, negatives=512),
        SEQUENCES,
        draws=True,
        trials=6,
    ),
    "gru4rec": Peer(
        gru4rec.rank,
        gru4rec.Gru4Rec(dropout=0.5, length=50, epochs=12, negatives=512),
        SEQUENCES,
        draws=True,
        trials=6,
    ),
}
