"""Candidates offline, by the sources, filters, quotas and order of the gateway's pipeline.

A purchase that no source proposed is not added to the list: the ranker is taught and judged on what it
will be given. What the sources miss shows in candidate recall.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from serving.stages.merge import Proposal, merge
from serving.stages.sources import MOST_POPULAR
from training.data import Prepared, known_users, read_items, read_targets
from training.known import Known, Raw, known_at, with_rows
from training.learning.quotas import Wanted, exchanged, learned, places_of
from training.learning.retriever_batches import item_category_rows, item_floats
from training.models.retrievers import Retriever, Retrievers
from training.models.top_k import UserTopK, everything
from training.policy import MAX_CANDIDATES, POPULAR, REPEAT
from training.schema import ITEM, Input, Schema

POPULARITY = "item_activity.popularity"
BATCH = 256  # users who are asked for together
# Whatever they add: the list of what was bought, and something for strangers.
FLOORS = {REPEAT: 16, POPULAR: 32}


@dataclass(frozen=True, slots=True)
class Sources:
    """Where candidates come from at a cut-off; bit i of a candidate's sources is the i-th of the quotas."""

    item_keys: NDArray[np.int64]  # (I,) ascending: the catalogue
    searches: Mapping[str, UserTopK]
    popular: NDArray[np.int64]  # (P,) keys, best selling first
    quotas: Mapping[str, int]  # in the order in which the sources fill the list

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.quotas)

    def propose(self, known: Known, users: Raw) -> dict[str, NDArray[np.int64]]:
        """Keys of each source for a batch of users, best first: (B, n), -1 where none."""
        inputs = with_rows(known.prepared, known.schema, users)
        owned = users["owned_item"].astype(np.int64, copy=False)
        found = {name: self.retrieve(name, inputs)[0].numpy() for name in self.searches}
        best = np.broadcast_to(self.popular, (len(owned), len(self.popular)))
        return found | {REPEAT: owned, POPULAR: best}

    def retrieve(
        self, name: str, inputs: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A retriever's finds in the whole catalogue, ids and scores (B, K)."""
        owned = inputs["owned_item"]
        with torch.no_grad():
            found: tuple[torch.Tensor, torch.Tensor] = self.searches[name](
                inputs | {"eligible": everything(len(owned), len(self.item_keys))}
            )
        return found


@dataclass(frozen=True, slots=True)
class Gathered:
    """Candidates of a batch of users, in the order in which the sources filled the lists."""

    positions: NDArray[np.int64]  # (B, C) in the catalogue, -1 padded
    sources: NDArray[np.uint8]  # (B, C) bits, 0 where padded


def sources_at(
    prepared: Prepared,
    schema: Schema,
    retrievers: Retrievers,
    quotas: Mapping[str, int],
    cutoff: datetime,
    retrieved: int,
) -> Sources:
    """The sources with the catalogue as known at the cut-off; a retriever without a quota is left out."""
    keys = torch.from_numpy(prepared.item_keys.copy())
    searches = {
        name: UserTopK(of, item_vectors(prepared, schema, of, cutoff), keys, retrieved).eval()
        for name, of in retrievers.items()
        if name in quotas
    }
    return Sources(prepared.item_keys, searches, popular(prepared, cutoff), quotas)


def item_vectors(
    prepared: Prepared, schema: Schema, retriever: Retriever, cutoff: datetime
) -> torch.Tensor:
    """(I, D), in the order of the catalogue's keys."""
    items = read_items(prepared, schema.inputs, cutoff)
    rows = prepared.vocabularies[ITEM].look_up(prepared.item_keys)
    parts = (rows, item_category_rows(prepared, schema, items), item_floats(prepared, items))
    tensors = (torch.from_numpy(part) for part in parts)
    with torch.no_grad():
        return retriever.item(*tensors)


def popular(prepared: Prepared, cutoff: datetime) -> NDArray[np.int64]:
    """Keys of the best-selling items; equals by key, unknown last, as the item snapshot orders them."""
    wanted = Input("popularity", "item", "float32", (POPULARITY,))
    scores = read_items(prepared, [wanted], cutoff)["popularity"][:, 0].astype(np.float64)
    order = np.lexsort((prepared.item_keys, -np.nan_to_num(scores, nan=-np.inf)))
    return prepared.item_keys[order[:MOST_POPULAR]]


def proposals(known: Known, sources: Sources) -> dict[str, NDArray[np.int64]]:
    """Of everybody, what each source proposes: (U, n) keys best first, -1 where there are fewer."""
    parts = []
    for start in range(0, len(known.users.ids), BATCH):
        which = np.arange(start, min(start + BATCH, len(known.users.ids)))
        parts.append(sources.propose(known, known.user_inputs(which)))
    return {name: _stacked([part[name] for part in parts]) for name in sources.names}


def _stacked(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    width = max(part.shape[1] for part in parts)
    padded = [np.pad(p, ((0, 0), (0, width - p.shape[1])), constant_values=-1) for p in parts]
    return np.concatenate(padded)


def gather(known: Known, users: Raw, sources: Sources, *, exclude_purchased: bool) -> Gathered:
    """The candidates of a batch of users, given their raw inputs."""
    proposed = sources.propose(known, users)
    keys: list[NDArray[np.int64]] = []
    bits: list[NDArray[np.uint8]] = []
    for user in range(len(users["owned_item"])):
        theirs = {name: proposed[name][user] for name in sources.quotas}
        mine = proposed[REPEAT][user]
        barred = mine[mine >= 0] if exclude_purchased else mine[:0]
        merged = merge(_filtered(theirs, barred, sources), MAX_CANDIDATES)
        keys.append(merged.keys)
        bits.append(_bits(merged.sources, sources.names))
    return _padded(known.prepared, keys, bits)


def _filtered(
    proposed: Mapping[str, NDArray[np.int64]], barred: NDArray[np.int64], sources: Sources
) -> list[Proposal]:
    catalogue = sources.item_keys
    found: list[Proposal] = []
    for name, keys in proposed.items():
        places = np.searchsorted(catalogue, keys).clip(max=len(catalogue) - 1)
        kept = catalogue[places] == keys
        if len(barred):
            kept &= ~np.isin(keys, barred)
        found.append(Proposal(name, sources.quotas[name], keys[kept]))
    return found


def _bits(sources: Sequence[tuple[str, ...]], names: Sequence[str]) -> NDArray[np.uint8]:
    bit = {name: 1 << i for i, name in enumerate(names)}
    return np.array([sum(bit[name] for name in mine) for mine in sources], dtype=np.uint8)


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


def quotas_at(
    prepared: Prepared, schema: Schema, retrievers: Retrievers, cutoff: datetime, retrieved: int
) -> dict[str, int]:
    """How the sources best share the list, by what people then took.

    Where purchases are left out, their places go to the sources behind.
    """
    limits = {REPEAT: MAX_CANDIDATES} | dict.fromkeys((*retrievers, POPULAR), retrieved)
    known = known_at(prepared, schema, cutoff, known_users(prepared, cutoff))
    proposed = proposals(known, sources_at(prepared, schema, retrievers, limits, cutoff, retrieved))
    ids = known.users.ids
    rows = pl.DataFrame({"user_id": ids, "row": np.arange(len(ids))})
    taken = read_targets(prepared, cutoff).join(rows, on="user_id").sort("row", "item")
    user, keys = taken["row"].to_numpy(), prepared.item_keys[taken["item"].to_numpy()]
    wanted = Wanted(
        user,
        {name: places_of(of, user, keys) for name, of in proposed.items()},
        {name: (of >= 0).sum(axis=1)[user] for name, of in proposed.items()},
    )
    return exchanged(wanted, learned([wanted], limits, FLOORS, MAX_CANDIDATES), limits, FLOORS)
