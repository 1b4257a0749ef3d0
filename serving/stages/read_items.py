"""Reads from the store what the item snapshot lacks, for one request."""

from collections.abc import Sequence

import numpy as np

from serving.features.item_values import ItemColumns, ReadItems
from serving.items import ItemSnapshot
from serving.types import Keys, RowsDoor

NONE = np.empty(0, dtype=np.int64)
MOST_READ = 256  # items of a request; further ones are unknown


class ReadThrough:
    """An item that was pushed a moment ago, or whose change was never announced, is known all the same."""

    def __init__(self, columns: ItemColumns, door: RowsDoor, snapshot: ItemSnapshot) -> None:
        self._columns, self._door, self._snapshot = columns, door, snapshot

    def lacking(self, keys: Sequence[int | None]) -> Keys:
        """(n,) those of the keys that the snapshot lacks, ascending; the first MOST_READ of them."""
        if not keys:
            return NONE
        asked = np.array([key for key in keys if key is not None], dtype=np.int64)
        absent = dict.fromkeys(asked[self._snapshot.positions(asked) < 0].tolist())
        return np.sort(np.array(list(absent)[:MOST_READ], dtype=np.int64))

    async def __call__(self, keys: Keys, timeout_s: float) -> ReadItems:
        """Those of the keys (n,) that the store has any row of, in one round trip.

        Raises:
            OutsideError: the store doesn't answer in time.
        """
        packed = await self._door.read(self._columns.row_keys(keys), timeout_s)
        stored = self._columns.stored(keys, packed)
        known = stored.values.known
        return ReadItems(keys[known], stored.values.take(np.flatnonzero(known)))
