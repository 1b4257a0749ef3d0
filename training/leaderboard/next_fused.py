"""Our entrant of leave-one-out: the sequence models and item-to-item that ship, fused with two counts.

Five members: both sequence models, taught what comes next; item-to-item; what stands near the newest items;
popularity; each with the parameters that tuning chose for it alone. All know all but everybody's last known
item, which the weights of the fusion are learned on; then the sequence models are taught on with it, and the
others counted anew.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from training.leaderboard.answers import DEEPEST, Answers
from training.leaderboard.contests import coded
from training.leaderboard.next_item import (
    NEVER,
    UNKNOWN,
    Described,
    Histories,
    Plan,
    log_likely,
    teach,
)
from training.leaderboard.next_members import chosen
from training.leaderboard.next_nearby import nearby
from training.leaderboard.next_together import together
from training.leaderboard.next_weights import learned_weights, weighed
from training.leaderboard.question import Question
from training.models.gru4rec import Gru4Rec
from training.models.inputs import NULL_ROW, FeatureConfig
from training.models.sasrec import SasRec
from training.models.sequence_config import SequenceConfig
from training.models.top_k import FIRST_ROW
from training.prepare.contract import open_data_set
from training.prepare.keys import item_keys

SEQUENCES: Mapping[str, type[SasRec] | type[Gru4Rec]] = {"sasrec": SasRec, "gru4rec": Gru4Rec}
MEMBERS = (*SEQUENCES, "item_to_item", "nearby", "popularity")
LENGTH = 64  # tokens
ON_EPOCHS, ON_RATE = 2, 0.2  # of teaching on with the last known item; share of the learning rate


def answer(question: Question, seed: int) -> Answers:
    return of_members(question, seed, MEMBERS)


def of_members(question: Question, seed: int, names: Sequence[str]) -> Answers:
    """What these answer, with weights of their own; those asked for together are taught once."""
    began = time.perf_counter()
    shop = read_shop(question.state)
    taught = _latest.of(question, shop, seed)
    scores = taught.fused(names)
    page = page_of(scores, question.purchases, question.user_ids, shop, DEEPEST)
    seconds = taught.seconds + time.perf_counter() - began
    return Answers(question.user_ids, page, page, seconds)


def page_of(
    scores: NDArray[np.float64],
    purchases: pl.DataFrame,
    user_ids: pl.Series,
    shop: "Shop",
    count: int,
) -> NDArray[np.int64]:
    """(len(user_ids), count) keys, best first, of the scores (U, I) of all who have purchases."""
    known = purchases["user_id"].unique().sort()
    rows = known.search_sorted(user_ids).to_numpy()
    best = np.argsort(-scores[rows], axis=1, kind="stable")[:, :count]
    barred = np.isneginf(np.take_along_axis(scores[rows], best, 1))
    return np.where(barred, -1, shop.keys[best])


@dataclass(frozen=True, slots=True)
class Shop:
    """The catalogue, in the order of its keys."""

    keys: NDArray[np.int64]  # (I,) ascending
    categories: NDArray[np.int64]  # (I, G) rows of vocabularies
    numbers: NDArray[np.float32]  # (I, F), NaN unknown


def read_shop(state: Path) -> Shop:
    """Of a data set: categories, categoricals and numbers by their roles."""
    data = open_data_set(state / "dataset")
    items = item_keys(data.items.unique("item_id").collect(), data.id_kind).sort("item_key")
    numbers = items.select(pl.col(c).cast(pl.Float32).fill_null(nan) for c in data.item_numerics)
    return Shop(
        items["item_key"].to_numpy(),
        coded(items, data.categories + data.item_categoricals) + FIRST_ROW,
        numbers.to_numpy().reshape(items.height, -1),
    )


def histories(purchases: pl.DataFrame, keys: NDArray[np.int64]) -> Histories:
    """By user, ascending; what has one time stays in the order of the rows."""
    ordered = purchases.sort("user_id", "time", maintain_order=True)
    counts = ordered.group_by("user_id", maintain_order=True).len()["len"].to_numpy()
    return Histories(
        np.searchsorted(keys, ordered["item_key"].to_numpy()),
        ordered["time"].dt.epoch("s").to_numpy(),
        np.append(0, np.cumsum(counts, dtype=np.int64)),
        len(keys),
    )


@dataclass(frozen=True, slots=True)
class Taught:
    """What each member says, (M, U, I), in the order of `MEMBERS`."""

    then: NDArray[np.float64]  # of whom has a last known item, before it
    last: NDArray[np.int64]  # (U,) that item, as a place in the catalogue
    now: NDArray[np.float64]  # of everybody, after it
    seconds: float

    def fused(self, names: Sequence[str] = MEMBERS) -> NDArray[np.float64]:
        """(U, I) how likely each item is the next by these members, -inf of what was taken."""
        places = [MEMBERS.index(name) for name in names]
        weights = learned_weights(self.then[places], self.last)
        return weighed(self.now[places], weights)


def taught(whole: Histories, shop: Shop, seed: int) -> Taught:
    began = time.perf_counter()
    parameters = chosen()
    known, last = whole.without_last()
    asked = last != UNKNOWN
    models = {name: sequence(name, known, shop, parameters[name], seed) for name in SEQUENCES}
    then = scores(models, known, shop, parameters, seed)[:, asked]
    for name, model in models.items():
        plan: Plan = parameters[name]
        on = replace(plan, epochs=ON_EPOCHS, learning_rate=plan.learning_rate * ON_RATE)
        teach(model, whole, described(whole, shop), on, seed + 1)
    now = scores(models, whole, shop, parameters, seed)
    return Taught(then, last[asked], now, time.perf_counter() - began)


@dataclass(slots=True)
class _Latest:
    """What was taught last: fusions of some of the members are asked for one after another."""

    key: tuple[object, ...] = ()
    found: Taught | None = None

    def of(self, question: Question, shop: Shop, seed: int) -> Taught:
        key = (question.state, question.cutoff, question.purchases.height, seed)
        if self.found is None or self.key != key:
            whole = histories(question.purchases, shop.keys)
            self.key, self.found = key, taught(whole, shop, seed)
        return self.found


_latest = _Latest()


def scores(
    models: Mapping[str, SasRec | Gru4Rec],
    of: Histories,
    shop: Shop,
    parameters: Mapping[str, Any],
    seed: int,
) -> NDArray[np.float64]:
    """(M, U, I) of the members, -inf of what was taken."""
    taken = of.places() < NEVER
    items = described(of, shop)
    members = [log_likely(model, of, items).astype(np.float64) for model in models.values()]
    members += [
        together(of, parameters["item_to_item"], seed),
        nearby(of, parameters["nearby"]),
        np.log1p(_counts(of))[None, :],
    ]
    return np.stack([np.where(taken, -np.inf, one) for one in members])


def alone(name: str, parameters: Any, of: Histories, shop: Shop, seed: int) -> NDArray[np.float64]:
    """(U, I) what one member with these parameters says of what comes next, -inf of what was taken."""
    if name in SEQUENCES:
        model = sequence(name, of, shop, parameters, seed)
        said = log_likely(model, of, described(of, shop)).astype(np.float64)
    elif name == "item_to_item":
        said = together(of, parameters, seed)
    else:
        said = nearby(of, parameters)
    return np.where(of.places() < NEVER, -np.inf, said)


def described(of: Histories, shop: Shop) -> Described:
    """How often each item was taken, and what is known of it."""
    numbers = np.concatenate([_counts(of)[:, None], shop.numbers], axis=1).astype(np.float32)
    return Described(torch.from_numpy(shop.categories), torch.from_numpy(numbers))


def sequence(name: str, of: Histories, shop: Shop, plan: Plan, seed: int) -> SasRec | Gru4Rec:
    """A sequence model as it ships, taught what comes next."""
    items = described(of, shop)
    sizes = [int(rows.max(initial=NULL_ROW)) + 1 for rows in shop.categories.T]
    statistics = _statistics(items.floats.numpy())
    features = FeatureConfig(of.catalogue + FIRST_ROW, [], statistics, [], sizes, [], [])
    config = SequenceConfig(
        features, length=LENGTH, dropout=plan.dropout, embedding_dropout=plan.dropout
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SEQUENCES[name](config)
    model.history.described[FIRST_ROW:] = items.category_rows
    teach(model, of, items, plan, seed)
    return model


def _statistics(numbers: NDArray[np.float32]) -> list[dict[str, float]]:
    """The first column is a count, taken by its logarithm."""
    scaled = np.concatenate([np.log1p(numbers[:, :1]), numbers[:, 1:]], axis=1)
    return [
        {
            "mean": float(np.nanmean(column)),
            "std": float(np.nanstd(column)) or 1.0,
            "log1p": float(place == 0),
        }
        for place, column in enumerate(scaled.T)
    ]


def _counts(of: Histories) -> NDArray[np.int64]:
    return np.bincount(of.items, minlength=of.catalogue)
