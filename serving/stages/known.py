"""What is known of the person, and of the items that the request names."""

import asyncio
from collections.abc import Sequence

import numpy as np

from serving.features.item_values import ReadItems
from serving.features.keys import NULL_KEY
from serving.features.rows import NOTHING, UserRows
from serving.items import ItemSnapshot
from serving.policy import Budget
from serving.stages.hydrate import Hydrate
from serving.stages.read_items import ReadThrough
from serving.trail import Trail
from serving.types import Keys, Person


class Known:
    """Asks the store for the person, and at the same time for items that the snapshot lacks."""

    def __init__(self, hydrate: Hydrate, read: ReadThrough) -> None:
        self._hydrate, self._read = hydrate, read

    async def __call__(
        self,
        person: Person,
        items: Sequence[int | None],
        now_us: int,
        budget: Budget,
        trail: Trail,
    ) -> tuple[UserRows, ReadItems | None]:
        """Nothing of whatever the store doesn't tell in time; the trail says so."""
        hydrated = self._hydrated(person, now_us, budget, trail)
        lacking = self._read.lacking(items)
        if not len(lacking):
            return await hydrated, None
        return await asyncio.gather(hydrated, self._lacked(lacking, budget, trail))

    async def _hydrated(
        self, person: Person, now_us: int, budget: Budget, trail: Trail
    ) -> UserRows:
        with trail.stage("hydrate"):
            read = self._hydrate(person, now_us, budget.share("hydrate"))
            user = await trail.attempt("hydrate", read, NOTHING)
        trail.note(user.degradations)
        return user

    async def _lacked(self, keys: Keys, budget: Budget, trail: Trail) -> ReadItems | None:
        with trail.stage("items"):
            read = self._read(keys, budget.share("items"))
            return await trail.attempt("items", read, None)


def split(
    items: Sequence[tuple[str, int | None]], snapshot: ItemSnapshot, read: ReadItems | None
) -> tuple[dict[int, str], tuple[str, ...]]:
    """Known candidates, each once, by key under the id as asked; and the ids of the others."""
    keys = np.array([NULL_KEY if key is None else key for _, key in items], dtype=np.int64)
    held = snapshot.positions(keys) >= 0
    if read:
        held |= np.isin(keys, read.keys)
    known: dict[int, str] = {}
    unknown = []
    for (item_id, key), has in zip(items, held.tolist(), strict=True):
        if has and key is not None:
            known.setdefault(key, item_id)
        else:
            unknown.append(item_id)
    return known, tuple(unknown)
