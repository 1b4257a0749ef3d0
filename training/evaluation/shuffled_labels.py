"""Deals what people did next to other people: whoever still foresees it has seen it.

From each cut-off that teaches or judges a ranker to the next, all that one person did is made another's, in
the events themselves. Features, lists, labels and examples are then made of those events as they always are,
so that a feature taken from the wrong side of a cut-off holds the dealt labels. (Labels that are shuffled in
finished examples find nothing of the kind: the features beside them hold the true ones.)

What sells well still does, whoever buys it, so that an honest ranker has an AUC above one half over all
pairs. It is therefore taken within an item: of two people who are offered it, how often the one who takes it
has the higher score. Which of them does is drawn by lot when everything that may be known is settled, and an
honest ranker is right half of the time. Nor may lists of candidates hold more of what their people were dealt
than of what others were.

Retrievers, their vocabularies and scales are not learned anew, and a table of users or items isn't dealt: a
retriever that was taught past the cut-off, or a label in such a table, is for other checks to find
(`tests/unit/training/learning/test_leakage.py`, `telling_features`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from shutil import copy, copytree, rmtree

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console

from training.data import Prepared, known_users, open_prepared, read_targets
from training.evaluation.ascending import ascending
from training.evaluation.classification import Pairs
from training.evaluation.pair_figures import Ordered, ordered, user_auc
from training.learning.members import WATCHED, teach
from training.learning.ranker_examples import Examples, logits_of
from training.learning.schedule import schedule
from training.models.ranker import Ranker
from training.prepare.__main__ import prepare
from training.prepare.contract import read_description
from training.prepare.contract_roles import by_role
from training.settings import TrainingSettings

DEVIATIONS = 4.0  # of chance, beyond which it is none: one honest figure in 16,000
DRAWS = 100


@dataclass(frozen=True, slots=True)
class ByChance:
    """What a ranker and the lists tell of dealt labels, beside what chance alone would."""

    auc: float  # within items, their buyers counting alike
    deviation: float  # that chance gives it
    listed: float  # dealt targets in the lists, in deviations from what chance puts there

    @property
    def is_chance(self) -> bool:
        return abs(self.auc - 0.5) <= DEVIATIONS * self.deviation and self.listed <= DEVIATIONS


def deal_out(settings: TrainingSettings, folder: Path, console: Console) -> TrainingSettings:
    """Writes a state folder of dealt events, prepared, beside the same retrievers; and gives its settings.

    Raises:
        TrainingError, DataSetError: the state folder that is dealt from is incomplete.
    """
    prepared = open_prepared(settings.prepared)
    plan = schedule(prepared.cutoffs, settings.ranker_cutoffs, prepared.horizon)
    fresh = settings.model_copy(update={"state": folder, "event_log": None})
    copytree(settings.state / "dataset", folder / "dataset")
    roles = by_role(read_description(folder / "dataset")["tables"]["events"])
    path = folder / "dataset" / "events.parquet"
    cutoffs = (*plan.ranker, plan.validation, plan.now)
    found = dealt(pl.read_parquet(path), roles["user"][0], roles["time"][0], cutoffs, settings.seed)
    found.write_parquet(path)
    prepare(folder, prepared.now, len(prepared.cutoffs), console)
    # As the retrievers were taught with.
    copy(settings.prepared / "statistics.json", fresh.prepared)
    rmtree(fresh.prepared / "vocabularies")
    copytree(settings.prepared / "vocabularies", fresh.prepared / "vocabularies")
    fresh.models.mkdir()
    (fresh.models / "retriever.ckpt").symlink_to((settings.models / "retriever.ckpt").resolve())
    return fresh


def dealt(
    events: pl.DataFrame, user: str, time: str, cutoffs: Sequence[datetime], seed: int
) -> pl.DataFrame:
    """Between two cut-offs the people who were known at the first one change their places, each time anew.

    Who comes new keeps their own: at the next cut-off they are known, and take part.
    """
    random = np.random.default_rng(seed)
    at, who = pl.col(time).dt.convert_time_zone("UTC"), pl.col(user)
    owners = events.select(who, at)
    for start, end in pairwise(cutoffs):
        known = owners.filter(at < start)[user].drop_nulls().unique().sort()
        others = known[random.permutation(len(known))]
        inside = (at >= start) & (at < end)
        events = events.with_columns(
            pl.when(inside).then(who.replace(known, others)).otherwise(who).alias(user)
        )
    return events


def taught_by_chance(
    settings: TrainingSettings, ranker: Ranker, taught: Examples, judged: Examples
) -> ByChance:
    """Teaches the ranker, in place, dealt labels and judges it by others; settings are those of `deal_out`.

    The people who choose the epoch are left out of what is judged.

    Raises:
        ValueError: no item is offered both to somebody who takes it and to somebody who doesn't.
    """
    teach(settings, ranker, taught, judged, progress=False)
    prepared = open_prepared(settings.prepared)
    cutoff = schedule(prepared.cutoffs, settings.ranker_cutoffs, prepared.horizon).validation
    user = np.repeat(np.arange(len(judged.offsets) - 1), np.diff(judged.offsets))
    score = logits_of(ranker, judged)[:, 0].astype(np.float32)
    kept = user % WATCHED != 0
    item, bought = judged.item.numpy()[kept], judged.bought.numpy()[kept] > 0
    size = len(prepared.item_keys)
    of, order = ordered(Pairs(item, score[kept], bought)), ascending(score[kept])
    aucs, counts = [], []
    for drawn in _drawn(user[kept], item, _wanted(prepared, cutoff), size, settings.seed):
        aucs.append(within_items(replace(of, bought=drawn[order]), size))
        counts.append(drawn.sum())
    spread = max(float(np.std(counts)), 1e-9)
    return ByChance(
        within_items(of, size),
        float(np.sqrt(np.mean((np.array(aucs) - 0.5) ** 2))),
        float(bought.sum() - np.mean(counts)) / spread,
    )


def _drawn(
    user: NDArray[np.int64],
    item: NDArray[np.int64],
    wanted: pl.DataFrame,
    items: int,
    seed: int,
) -> Iterator[NDArray[np.bool_]]:
    """(R,) whether the pair's person takes the item, if they were dealt anew among each other."""
    random = np.random.default_rng(seed)
    people = np.unique(user)
    codes = wanted["user"].to_numpy() * items + wanted["item"].to_numpy()
    other = np.arange(1 + people.max())
    for _ in range(DRAWS):
        other[people] = random.permutation(people)
        yield np.isin(other[user] * items + item, codes)


def within_items(of: Ordered, items: int) -> float:
    """The AUC of each item's own pairs, whose places stand for users; the mean over those who take it.

    Raises:
        ValueError: no item has pairs of both kinds.
    """
    areas = user_auc(of, items)
    buyers = np.bincount(of.user, of.bought, items)
    told = ~np.isnan(areas)
    if not told.any():
        raise ValueError(
            "no item is offered both to somebody who takes it and to somebody who doesn't"
        )
    return float(np.average(areas[told], weights=buyers[told]))


def _wanted(prepared: Prepared, cutoff: datetime) -> pl.DataFrame:
    """`user`, by place among those known, and `item` of what they were dealt."""
    ids = known_users(prepared, cutoff)
    places = pl.DataFrame({"user_id": ids, "user": np.arange(len(ids))})
    return read_targets(prepared, cutoff).join(places, on="user_id")
