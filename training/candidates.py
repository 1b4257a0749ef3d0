"""Candidates offline, by the sources, filters, quotas and order of the gateway's pipeline.

A purchase that no source proposed is not added to the list: the ranker is taught and judged on what it
will be given. What the sources miss shows in candidate recall.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import torch
from numpy.typing import NDArray

from serving.stages.merge import Proposal, merge
from serving.stages.sources import MOST_POPULAR
from training.data import Prepared, read_items
from training.known import Known, Raw, with_rows
from training.learning.retriever_batches import item_category_rows, item_floats
from training.models.top_k import UserTopK, everything
from training.models.two_tower import TwoTower
from training.policy import MAX_CANDIDATES, QUOTAS
from training.schema import ITEM, Input, Schema

SOURCES = tuple(QUOTAS)  # bit i of a candidate's sources is SOURCES[i]
POPULARITY = "item_activity.popularity"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where candidates come from at a cut-off, besides the user's own list."""

    item_keys: NDArray[np.int64]  # (I,) ascending: the catalogue
    retriever: UserTopK
    popular: NDArray[np.int64]  # (P,) keys, best selling first

    def propose(self, known: Known, users: Raw) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Keys of (repeat, two_tower) for a batch of users: (B, L) and (B, K), -1 where none."""
        retrieved, _ = self.retrieve(with_rows(known.prepared, known.schema, users))
        return users["owned_item"].astype(np.int64, copy=False), retrieved.numpy()

    def retrieve(self, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """The tower's finds in the whole catalogue, ids and scores (B, K)."""
        owned = inputs["owned_item"]
        with torch.no_grad():
            found: tuple[torch.Tensor, torch.Tensor] = self.retriever(
                inputs | {"eligible": everything(len(owned), len(self.item_keys))}
            )
        return found


@dataclass(frozen=True, slots=True)
class Gathered:
    """Candidates of a batch of users, in the order in which the sources filled the lists."""

    positions: NDArray[np.int64]  # (B, C) in the catalogue, -1 padded
    sources: NDArray[np.uint8]  # (B, C) bits, 0 where padded


def sources_at(
    prepared: Prepared, schema: Schema, tower: TwoTower, cutoff: datetime, retrieved: int
) -> Sources:
    """The sources with the catalogue as known at the cut-off."""
    vectors = item_vectors(prepared, schema, tower, cutoff)
    keys = torch.from_numpy(prepared.item_keys.copy())
    retriever = UserTopK(tower, vectors, keys, retrieved).eval()
    return Sources(prepared.item_keys, retriever, popular(prepared, cutoff))


def item_vectors(
    prepared: Prepared, schema: Schema, tower: TwoTower, cutoff: datetime
) -> torch.Tensor:
    """(I, D + 1), in the order of the catalogue's keys."""
    items = read_items(prepared, schema.inputs, cutoff)
    rows = prepared.vocabularies[ITEM].look_up(prepared.item_keys)
    parts = (rows, item_category_rows(prepared, schema, items), item_floats(prepared, items))
    tensors = (torch.from_numpy(part) for part in parts)
    with torch.no_grad():
        return tower.item(*tensors)


def popular(prepared: Prepared, cutoff: datetime) -> NDArray[np.int64]:
    """Keys of the best-selling items; equals by key, unknown last, as the item snapshot orders them."""
    wanted = Input("popularity", "item", "float32", (POPULARITY,))
    scores = read_items(prepared, [wanted], cutoff)["popularity"][:, 0].astype(np.float64)
    order = np.lexsort((prepared.item_keys, -np.nan_to_num(scores, nan=-np.inf)))
    return prepared.item_keys[order[:MOST_POPULAR]]


def gather(known: Known, users: Raw, sources: Sources, *, exclude_purchased: bool) -> Gathered:
    """The candidates of a batch of users, given their raw inputs."""
    owned, retrieved = sources.propose(known, users)
    keys: list[NDArray[np.int64]] = []
    bits: list[NDArray[np.uint8]] = []
    for listed, theirs in zip(owned, retrieved, strict=True):
        mine = listed[listed >= 0]
        proposed = (mine, theirs[theirs >= 0], sources.popular)
        barred = mine if exclude_purchased else mine[:0]
        merged = merge(_filtered(proposed, barred, sources.item_keys), MAX_CANDIDATES)
        keys.append(merged.keys)
        bits.append(_bits(merged.sources))
    return _padded(known.prepared, keys, bits)


def _filtered(
    proposed: Sequence[NDArray[np.int64]],
    barred: NDArray[np.int64],
    catalogue: NDArray[np.int64],
) -> list[Proposal]:
    found: list[Proposal] = []
    for (name, quota), keys in zip(QUOTAS.items(), proposed, strict=True):
        places = np.searchsorted(catalogue, keys).clip(max=len(catalogue) - 1)
        kept = catalogue[places] == keys
        if len(barred):
            kept &= ~np.isin(keys, barred)
        found.append(Proposal(name, quota, keys[kept]))
    return found


def _bits(sources: Sequence[tuple[str, ...]]) -> NDArray[np.uint8]:
    bit = {name: 1 << i for i, name in enumerate(SOURCES)}
    return np.array([sum(bit[name] for name in names) for names in sources], dtype=np.uint8)


def _padded(
    prepared: Prepared, keys: Sequence[NDArray[np.int64]], bits: Sequence[NDArray[np.uint8]]
) -> Gathered:
    width = max(1, max(map(len, keys), default=0))
    positions = np.full((len(keys), width), -1, dtype=np.int64)
    sources = np.zeros((len(keys), width), dtype=np.uint8)
    for i, (mine, of) in enumerate(zip(keys, bits, strict=True)):
        positions[i, : len(mine)] = prepared.item_index(mine)
        sources[i, : len(mine)] = of
    return Gathered(positions, sources)
