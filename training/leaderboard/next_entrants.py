"""Who takes part in leave-one-out: the peers, each told a history by places, and our fused entrant.

Everybody's history ends at another time, and most are of one sitting: a peer whose purchases fade is told
that the newest item was taken a day before the cut-off and each earlier one a day before the next, so that
a half-life in days is one in places. A history is one basket.
"""

import inspect
import time
from collections.abc import Mapping
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any

import polars as pl

from training.leaderboard import next_fused
from training.leaderboard.answers import DEEPEST, Answers
from training.leaderboard.question import NO_SEED, SEEDS, Entrant, Question
from training.peers import als, bpr, ease, gru4rec, item_knn, popularity, sasrec
from training.peers.table import Rank


def by_place(purchases: pl.DataFrame, cutoff: datetime) -> pl.DataFrame:
    """The newest of each user a day before the cut-off; rows are in the order of time."""
    back = pl.int_range(pl.len(), 0, -1).over("user_id")
    return purchases.with_columns(time=pl.lit(cutoff) - pl.duration(days=back), group=pl.lit(0))


def peer(rank: Rank[Any], parameters: object, seeds: tuple[int, ...] = NO_SEED) -> Entrant:
    def answer(question: Question, seed: int) -> Answers:
        began = time.perf_counter()
        purchases = by_place(question.purchases, question.cutoff)
        pages = rank(purchases, question.cutoff, question.user_ids, DEEPEST, parameters, seed)
        return Answers(question.user_ids, pages.any, pages.new, time.perf_counter() - began)

    return Entrant(answer, Path(inspect.getfile(rank)), seeds)


# Chosen on everybody's second-last item, by unequal numbers of trials: item_knn 24 (the later ones after its
# figure on the last items was seen to lie below its floor), ease 9, als and bpr 6, sasrec and gru4rec 1,
# popularity none. Some 35 settings of our nearby member were looked at there.
ENTRANTS: Mapping[str, Entrant] = {
    "popularity": peer(popularity.rank, popularity.Popularity(half_life_days=inf)),
    "item_knn": peer(
        item_knn.rank, item_knn.ItemKnn(neighbours=2000, shrinkage=0.0, half_life_days=2.0)
    ),
    "ease": peer(ease.rank, ease.Ease(half_life_days=10.0, power=1.0, regularization=500.0)),
    "als": peer(als.rank, als.Als(half_life_days=20.0, confidence=5.0, regularization=5.0), SEEDS),
    "bpr": peer(bpr.rank, bpr.Bpr(learning_rate=0.05, regularization=0.03, iterations=300), SEEDS),
    "sasrec": peer(
        sasrec.rank, sasrec.SasRec(dropout=0.2, windows=8, epochs=20, negatives=0), SEEDS
    ),
    "gru4rec": peer(
        gru4rec.rank,
        gru4rec.Gru4Rec(units=64, dropout=0.2, windows=8, epochs=20, negatives=0),
        SEEDS,
    ),
    "fused": Entrant(next_fused.answer, Path(next_fused.__file__), SEEDS),
}
