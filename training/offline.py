"""Recommends offline: the served pipeline in plain PyTorch, at any prepared cut-off.

The same sources, filters, quotas, order and ties as the gateway's, over the prepared views instead of the
online store; the served system is compared with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from training.candidates import Sources, gather, sources_at
from training.data import Prepared, open_prepared
from training.errors import PreparedError
from training.known import Known, Raw, known_at, with_rows
from training.learning.checkpoints import Rankers, Searches, load_rankers, load_searches
from training.learning.feature_config import check_same_inputs, feature_config
from training.learning.ranker_examples import Labels
from training.ragged import Ragged
from training.schema import Schema, schema
from training.settings import TrainingSettings

BATCH = 32  # users

Score = Callable[["Models", Raw], NDArray[np.float32]]  # (B, C) from the contract's raw tensors


@dataclass(frozen=True, slots=True)
class Models:
    """The prepared data and the trained models over it, in eval mode."""

    prepared: Prepared
    schema: Schema  # of the ranker; the retriever's inputs are among them
    searches: Searches
    rankers: Rankers
    retrieved: int  # K of a retriever's graph


@dataclass(frozen=True, slots=True)
class Slates:
    """What is recommended to each user, best first."""

    user_ids: pl.Series
    item_key: NDArray[np.int64]  # (U, count), -1 where there are fewer
    probability: NDArray[np.float32]  # (U, count), NaN there


@dataclass(frozen=True, slots=True)
class CandidateLists:
    """What is ranked for each user, in the order in which the sources filled the lists.

    Three lists of the same lengths; bit i of `sources` says that `source_names[i]` proposed the item.
    `bought` is whether the user buys it within the horizon, None where that isn't known yet.
    """

    user_ids: pl.Series
    item_key: Ragged
    probability: NDArray[np.float32]  # (total,) as item_key.values
    sources: NDArray[np.uint8]  # (total,)
    bought: NDArray[np.bool_] | None  # (total,)
    source_names: tuple[str, ...]


class _Part(NamedTuple):
    """A batch of users, their candidates one under another."""

    counts: NDArray[np.int64]  # (B,)
    item_key: NDArray[np.int64]
    probability: NDArray[np.float32]
    sources: NDArray[np.uint8]
    bought: NDArray[np.bool_]  # empty if it isn't known


NOBODY = _Part(
    np.empty(0, np.int64),
    np.empty(0, np.int64),
    np.empty(0, np.float32),
    np.empty(0, np.uint8),
    np.empty(0, np.bool_),
)


def open_models(settings: TrainingSettings) -> Models:
    """Opens the checkpoints over the prepared data.

    Raises:
        PreparedError: the prepared data is missing or incomplete.
        CheckpointError: a checkpoint is missing, or was trained on other prepared data.
    """
    prepared = open_prepared(settings.prepared)
    of = schema(prepared.features, "ranker")
    check_same_inputs(schema(prepared.features, "retriever"), of)
    features = feature_config(prepared, of)
    searches = load_searches(settings.models / "retriever.ckpt", features)
    rankers = load_rankers(settings.models / "ranker.ckpt", features)
    return Models(prepared, of, searches, rankers, settings.retrieved)


def recommend(
    models: Models,
    cutoff: datetime,
    user_ids: pl.Series,
    *,
    exclude_purchased: bool,
    count: int,
) -> Slates:
    """The `count` most probable candidates of each user; equals by item key.

    A user unknown at the cut-off gets what a stranger gets.
    """
    return best(candidates(models, cutoff, user_ids, exclude_purchased=exclude_purchased), count)


def candidates(
    models: Models,
    cutoff: datetime,
    user_ids: pl.Series,
    *,
    exclude_purchased: bool,
    score: Score | None = None,
) -> CandidateLists:
    """Everything that is ranked for each user.

    Without a `score` of one's own, the probability is the members' fused one.

    Raises:
        PreparedError: the cut-off isn't one of the prepared.
    """
    score = score or score_raw
    people, sources = known(models, cutoff, user_ids), sources_of(models, cutoff)
    labels = Labels(people) if cutoff < models.prepared.now else None
    parts = [NOBODY]
    for start in range(0, len(user_ids), BATCH):
        which = np.arange(start, min(start + BATCH, len(user_ids)))
        users = people.user_inputs(which)
        gathered = gather(people, users, sources, exclude_purchased=exclude_purchased)
        positions, real = gathered.positions, gathered.positions >= 0
        probability = score(models, users | people.item_inputs(positions))
        parts.append(
            _Part(
                real.sum(axis=1),
                models.prepared.item_keys[positions[real]],
                probability[real],
                gathered.sources[real],
                np.empty(0, np.bool_) if labels is None else labels.of(which, positions)[real],
            )
        )
    return _joined(user_ids, parts, sources.names, labelled=labels is not None)


def best(lists: CandidateLists, count: int) -> Slates:
    """The `count` most probable of each list; equals by item key."""
    users = len(lists.user_ids)
    of = lists.item_key.owners
    keys = lists.item_key.values.astype(np.int64, copy=False)
    order = np.lexsort((keys, -lists.probability, of))
    place = np.arange(len(of)) - lists.item_key.offsets[of]  # within a list, since of[order] == of
    shown = place < count
    rows, places, chosen = of[shown], place[shown], order[shown]
    slates = np.full((users, count), -1, dtype=np.int64)
    probability = np.full((users, count), np.nan, dtype=np.float32)
    slates[rows, places] = keys[chosen]
    probability[rows, places] = lists.probability[chosen]
    return Slates(lists.user_ids, slates, probability)


def score_raw(models: Models, inputs: Raw) -> NDArray[np.float32]:
    """The members' fused probability (B, C) from the contract's raw tensors."""
    return models.rankers.fusion(said_raw(models, inputs))


def said_raw(models: Models, inputs: Raw) -> dict[str, NDArray[np.float32]]:
    """Each member's probability (B, C) from the contract's raw tensors."""
    tensors = with_rows(models.prepared, models.schema, inputs)
    with torch.no_grad():
        return {name: member(tensors).numpy() for name, member in models.rankers.members.items()}


def sources_of(models: Models, cutoff: datetime) -> Sources:
    """The served candidate sources over the catalogue as known at the cut-off."""
    searches = models.searches
    return sources_at(
        models.prepared, models.schema, searches.served, searches.quotas, cutoff, models.retrieved
    )


def known(models: Models, cutoff: datetime, user_ids: pl.Series) -> Known:
    """The raw contract tensors of users and items at a prepared cut-off.

    Raises:
        PreparedError: the cut-off isn't one of the prepared.
    """
    if cutoff not in models.prepared.cutoffs:
        raise PreparedError(
            f"{cutoff.isoformat()} is not a prepared cut-off; take one of features.yaml"
        )
    return known_at(models.prepared, models.schema, cutoff, user_ids)


def _joined(
    user_ids: pl.Series, parts: list[_Part], names: tuple[str, ...], *, labelled: bool
) -> CandidateLists:
    counts, keys, probability, sources, bought = (
        np.concatenate(c) for c in zip(*parts, strict=True)
    )
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    return CandidateLists(
        user_ids,
        Ragged(keys, offsets, -1),
        probability,
        sources,
        bought if labelled else None,
        names,
    )
