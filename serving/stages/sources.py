"""The candidate sources: each proposes item keys for a person, best first and each once."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from serving.features.filter_fields import passing
from serving.features.inputs import UserFiller
from serving.features.item_values import ReadItems
from serving.features.read_plan import ModelPlan
from serving.features.rows import UserRows
from serving.items import ItemSnapshot
from serving.stages.similar import Similar
from serving.types import Keys, Mask, ModelDoor

KEYS = "candidate_id"  # output of every model that searches the catalogue
MOST_POPULAR = 512  # proposed before filters and quotas


@dataclass(frozen=True, slots=True)
class Asked:
    """What the sources may go by."""

    user: UserRows
    now_us: int
    seeds: Keys  # (n,) of the request, each once
    eligible: Mask  # (1, I) of the bundle's catalogue
    allowed: Mask | None = None  # by row of the snapshot; None: all
    read: ReadItems | None = None  # seeds that the snapshot lacks and the store has


class Propose(Protocol):
    async def __call__(self, asked: Asked, timeout_s: float) -> Keys:
        """(n,) keys.

        Raises:
            OutsideError: the system behind the source doesn't answer in time.
        """
        ...


class OwnList:
    """What a list of the person holds, in the order in which the feature store keeps it."""

    def __init__(self, column: str) -> None:
        self._column = column

    async def __call__(self, asked: Asked, timeout_s: float) -> Keys:
        del timeout_s
        return asked.user.items(self._column)


class ModelSearch:
    """What a model finds in the catalogue for the person, by a search inside its graph."""

    def __init__(self, door: ModelDoor, model: ModelPlan, fill: UserFiller) -> None:
        self._door, self._model, self._fill = door, model, fill
        self._eligible = [i.name for i in model.inputs if i.kind == "eligible"]

    async def __call__(self, asked: Asked, timeout_s: float) -> Keys:
        inputs = self._fill(asked.user, asked.now_us)
        inputs |= dict.fromkeys(self._eligible, asked.eligible)
        outputs = await self._door.infer(self._model.triton_model, inputs, [KEYS], timeout_s)
        keys: Keys = outputs[KEYS].ravel().astype(np.int64, copy=False)
        return keys[keys >= 0]


class Popular:
    """What sells best at the moment among what the request allows, the same for everybody."""

    def __init__(self, snapshot: ItemSnapshot) -> None:
        self._snapshot = snapshot
        self._keys = snapshot.keys_at(snapshot.popular[:MOST_POPULAR])

    async def __call__(self, asked: Asked, timeout_s: float) -> Keys:
        del timeout_s
        return self.best(asked.allowed)

    def best(self, allowed: Mask | None) -> Keys:
        """`allowed` by row of the snapshot; None: all."""
        if allowed is None:
            return self._keys
        rows = self._snapshot.popular
        return self._snapshot.keys_at(rows[passing(allowed, rows)][:MOST_POPULAR])


class NearSeeds:
    """The neighbours of the request's seeds: the nearest of each first, then the second, ..."""

    def __init__(self, similar: Similar, snapshot: ItemSnapshot) -> None:
        self._similar, self._snapshot = similar, snapshot

    async def __call__(self, asked: Asked, timeout_s: float) -> Keys:
        known = self._snapshot.positions(asked.seeds) >= 0
        if asked.read:
            known |= np.isin(asked.seeds, asked.read.keys)
        near = await asyncio.gather(
            *(
                self._similar(key, asked.now_us, timeout_s, asked.read)
                for key in asked.seeds[known].tolist()
            )
        )
        if not near:
            return asked.seeds[:0]
        keys = np.concatenate([one.keys for one in near])
        places = np.concatenate([np.arange(len(one.keys)) for one in near])
        turns = keys[np.argsort(places, kind="stable")]
        _, first = np.unique(turns, return_index=True)
        once: Keys = turns[np.sort(first)]
        return once
