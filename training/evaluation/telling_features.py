"""How well each feature tells by itself what is bought, among likely candidates.

Looked at is every column that the ranker reads as a number: those of users, those of items, and the values
that lists hold of an owned item (`OWNED`: counts, scores, times, intervals), among what is owned alone. Not
looked at are categories and ids, the lists of latest purchases, the shares of categories and brands (those
lists are matched with a candidate's category), and whatever a model computes of several columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.candidates import popular
from training.data import Prepared, Users, read_items, read_targets, read_users
from training.evaluation.classification import Pairs
from training.evaluation.pair_figures import exact_ranks, ordered
from training.schema import OWNED, Input, schema

USERS = 400  # drawn by id; each has some hundred candidates
POPULAR = 256


@dataclass(frozen=True, slots=True)
class Telling:
    """A feature's own area under the curve, whichever way it points, at the cut-off where it is largest."""

    path: str
    auc: float


@dataclass(frozen=True, slots=True)
class _Candidates:
    """What users own, and then what sells best beside it."""

    user: NDArray[np.int64]  # (R,)
    item: NDArray[np.int64]  # (R,) place in the catalogue
    owned: NDArray[np.int64]  # (R,) place in the user's list, -1 of what isn't owned
    bought: NDArray[np.bool_]  # (R,)


def telling_features(prepared: Prepared, cutoffs: Sequence[datetime]) -> tuple[Telling, ...]:
    """The columns at each of the cut-offs that the folder holds targets of, and at the last of all those.

    The most telling first. Now has no targets there.
    """
    labelled = prepared.cutoffs[:-1]
    wanted = {*cutoffs, labelled[-1]} & {*labelled}
    most: dict[str, float] = {}
    for cutoff in sorted(wanted):
        for path, auc in _areas(prepared, cutoff):
            most[path] = max(auc, most.get(path, 0.0))
    found = [Telling(path, auc) for path, auc in most.items()]
    return tuple(sorted(found, key=lambda one: -one.auc))


def _areas(prepared: Prepared, cutoff: datetime) -> Iterator[tuple[str, float]]:
    inputs = schema(prepared.features, "ranker").inputs
    targets = read_targets(prepared, cutoff)
    ids = targets["user_id"].unique().sort()
    ids = ids.gather_every(max(1, len(ids) // USERS))
    users = read_users(prepared, inputs, cutoff, ids)
    items = read_items(prepared, inputs, cutoff)
    best = prepared.item_index(popular(prepared, cutoff)[:POPULAR])
    of = _candidates(prepared, users, best, targets)
    for path, values, among in _features(inputs, users, items, of):
        if (auc := _auc(values, of, among)) is not None:
            yield path, max(auc, 1 - auc)


def _candidates(
    prepared: Prepared, users: Users, best: NDArray[np.int64], targets: pl.DataFrame
) -> _Candidates:
    lists = users.lists[OWNED[0]]
    user = lists.owners
    listed = np.arange(len(user)) - lists.offsets[user]
    item = prepared.item_index(lists.values.astype(np.int64))
    others = np.tile(best, len(users.ids))
    owners = np.repeat(np.arange(len(users.ids)), len(best))
    size = len(prepared.item_keys)
    free = ~np.isin(owners * size + others, user * size + item)
    user, item = np.append(user, owners[free]), np.append(item, others[free])
    places = pl.DataFrame({"user_id": users.ids, "user": np.arange(len(users.ids))})
    wanted = targets.join(places, on="user_id")
    codes = wanted["user"].to_numpy() * size + wanted["item"].to_numpy()
    there = item >= 0
    owned = np.append(listed, np.full(int(free.sum()), -1))
    bought = np.isin(user * size + item, codes)
    return _Candidates(user[there], item[there], owned[there], bought[there])


def _features(
    inputs: tuple[Input, ...],
    users: Users,
    items: dict[str, NDArray[np.generic]],
    of: _Candidates,
) -> Iterator[tuple[str, NDArray[np.generic], NDArray[np.bool_]]]:
    """Path, (R,) values, and the candidates that have one."""
    everywhere = np.ones(len(of.user), dtype=np.bool_)
    for one in inputs:
        if one.kind in ("user", "item") and one.dtype == "float32":
            table, rows = (
                (users.scalars[one.name], of.user)
                if one.kind == "user"
                else (items[one.name], of.item)
            )
            for column, path in enumerate(one.columns):
                yield path, table[rows, column], everywhere
        elif one.name in OWNED[1:]:
            lists = users.lists[one.name]
            there = of.owned >= 0
            flat = lists.values[np.where(there, lists.offsets[of.user] + of.owned, 0)]
            yield one.columns[0], flat, there


def _auc(values: NDArray[np.generic], of: _Candidates, among: NDArray[np.bool_]) -> float | None:
    """None if the candidates are all bought, or none of them is."""
    score = values[among].astype(np.float64)
    score = np.where(np.isnan(score), -np.inf, score)
    # Ranks are exact in single precision where the values themselves may not be.
    ranks = np.unique(score, return_inverse=True)[1].astype(np.float32)
    pairs = Pairs(of.user[among], ranks, of.bought[among])
    return exact_ranks(ordered(pairs))[0] if pairs.is_telling else None
