"""All items as they are now: a snapshot that a host's workers share, and a worker's own delta."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from serving.features.item_values import ItemColumns, StoredItems, null_values
from serving.features.snapshot import Snapshot
from serving.items import ItemValues, Patch, Rows
from serving.types import Degraded, Keys, Mask, OfferTable

NOWHERE, NO_ITEM = -1, 0  # slots: of a row that is as in the base, and of row -1
FIRST_ROOM = 256  # then twice as much each time
NO_TEXTS: Mapping[int, str] = {}


class LiveItems:
    """An ItemSnapshot. Slots of the delta are given to rows for as long as the base lives.

    It is read and written on one thread, and a change is written whole between two reads: nobody sees a
    torn row, and nobody waits.
    """

    def __init__(self, base: Snapshot, columns: ItemColumns) -> None:
        self.base, self.position = base, base.stream_position
        self.degradations: tuple[Degraded, ...] = ()  # the follower says if it is behind
        self.whole = True  # no change since the base was missed
        self._columns = columns
        self._slot_of = np.full(
            base.count + 1, NOWHERE, dtype=np.int32
        )  # by row; the last of row -1
        self._slot_of[-1] = NO_ITEM
        self._values = self._nulls(FIRST_ROOM)
        self._row_of = np.full(FIRST_ROOM, -1, dtype=np.int64)
        self._there = np.zeros(FIRST_ROOM, dtype=np.bool_)  # the item of the slot has a row
        self._used = NO_ITEM + 1
        self._gone = 0  # slots of items that are no more
        self._present: Mask | None = None  # once it was asked for
        self._newer: dict[int, int] = {}  # rows by key
        self._newer_keys = np.empty(0, dtype=np.int64)
        self._texts: dict[int, str] = {}
        self._popular = base.popular

    @property
    def version(self) -> str:
        return self.base.version

    @property
    def offers(self) -> OfferTable | None:
        return self.base.offers

    @property
    def count(self) -> int:
        return self.base.count + len(self._newer) - self._gone

    @property
    def present(self) -> Mask | None:
        """The same object until an item comes or goes."""
        if self._present is None and (self._gone or self._newer):
            self._present = np.ones(self.base.count + len(self._newer), dtype=np.bool_)
            slots = slice(NO_ITEM + 1, self._used)
            self._present[self._row_of[slots]] = self._there[slots]
        return self._present

    @property
    def changed_count(self) -> int:
        """Items in the delta."""
        return self._used - 1

    @property
    def item_key(self) -> Keys:
        return self.base.item_key

    @property
    def int64(self) -> NDArray[np.int64]:
        return self.base.int64

    @property
    def float32(self) -> NDArray[np.float32]:
        return self.base.float32

    @property
    def event_time_us(self) -> NDArray[np.int64]:
        return self.base.event_time_us

    @property
    def popular(self) -> NDArray[np.int32]:
        """The order is the base's; newer items come last, as they came."""
        rows = self.base.count + len(self._newer)
        if len(self._popular) < rows:
            newer = np.arange(len(self._popular), rows, dtype=np.int32)
            self._popular = np.concatenate([self._popular, newer])
        return self._popular

    def columns(
        self, dtype: Literal["int64", "float32"], names: Sequence[str]
    ) -> NDArray[np.int64]:
        return self.base.columns(dtype, names)

    def positions(self, keys: Keys) -> Rows:
        """(n,) row of each key, -1 of what is no item, or none any more."""
        rows = self._rows(keys)
        if self._gone:
            slots = self._slot_of[rows]
            rows[(slots >= 0) & ~self._there[slots]] = -1
        return rows

    def keys_at(self, rows: NDArray[np.integer[Any]]) -> Keys:
        keys: Keys = self.base.item_key.take(rows, mode="clip")
        if self._newer:
            newer = rows >= self.base.count
            keys[newer] = self._newer_keys[rows[newer] - self.base.count]
        return keys

    def names(self, keys: Keys) -> list[str]:
        """Also of an item that has gone since the request began."""
        if self.base.texts is None or not self._newer:
            return self.base.names(keys)
        old = keys[self.base.positions(keys) >= 0]
        texts = dict(zip(old.tolist(), self.base.names(old), strict=True))
        return [texts.get(key) or self._texts[key] for key in keys.tolist()]

    def changed(self, rows: Rows) -> Patch | None:
        """Which of these rows have other values than the base's; row -1 has none at all."""
        if not self.changed_count:
            return None
        slots = self._slot_of[rows]
        if slots.max(initial=NOWHERE) < 0:
            return None
        at = np.flatnonzero(slots >= 0)
        return Patch(at, self._values.take(slots[at]))

    def changes(self) -> Patch | None:
        """Of all rows that have other values than the base's; those of an item that is gone are null."""
        if not self.changed_count:
            return None
        slots = slice(NO_ITEM + 1, self._used)
        return Patch(self._row_of[slots], self._values.part(slots))

    def keys(self) -> Keys:
        """(count,) of all items, in no order."""
        every: Keys = np.concatenate([self.base.item_key, self._newer_keys])
        return every if self.present is None else every[self.present]

    def values(self, rows: Rows) -> ItemValues:
        """(n,) as they are now; of rows that there are."""
        values = self._of_base(np.minimum(rows, self.base.count - 1))
        patch = self.changed(rows)
        if patch is not None:
            values.put(patch.at, patch.values)
        return values

    def unnamed(self, keys: Keys) -> Keys:
        """Those that need a text before they can become items."""
        if self.base.texts is None:
            return keys[:0]
        known = np.array([key in self._texts for key in keys.tolist()], dtype=bool)
        return keys[~known & (self.base.positions(keys) < 0)]

    def apply(self, stored: StoredItems, texts: Mapping[int, str] = NO_TEXTS) -> None:
        """Takes over what the store has of these items, each once.

        A row of another layout changes nothing.
        """
        self._texts.update(texts)
        rows, before = self._rows(stored.keys), len(self._newer)
        self._admit(stored.keys, rows, stored.values.known)
        ours = np.flatnonzero(rows >= 0)
        slots, values = self._slots(rows[ours]), stored.values.take(ours)
        self._keep(slots, values, stored.foreign[ours])
        self._values.put(slots, values)
        there = values.known
        self._gone += int(self._there[slots].sum()) - int(there.sum())
        if (self._there[slots] != there).any() or len(self._newer) > before:
            self._present = None
        self._there[slots] = there

    def _rows(self, keys: Keys) -> Rows:
        """As `positions`, with those of items that are gone."""
        rows = self.base.positions(keys)
        if self._newer:
            lacking = np.flatnonzero(rows < 0)
            rows[lacking] = [self._newer.get(key, -1) for key in keys[lacking].tolist()]
        return rows

    def _admit(self, keys: Keys, rows: Rows, known: NDArray[np.bool_]) -> None:
        """Gives rows to new items."""
        new = np.flatnonzero((rows < 0) & known)
        if not len(new):
            return
        first = self.base.count + len(self._newer)
        rows[new] = np.arange(first, first + len(new))
        self._newer.update(zip(keys[new].tolist(), rows[new].tolist(), strict=True))
        self._newer_keys = np.concatenate([self._newer_keys, keys[new]])
        if first + len(new) >= len(self._slot_of):
            room = np.full(max(FIRST_ROOM, len(self._newer)), NOWHERE, dtype=np.int32)
            self._slot_of[-1] = NOWHERE
            self._slot_of = np.concatenate([self._slot_of, room])
            self._slot_of[-1] = NO_ITEM

    def _slots(self, rows: Rows) -> NDArray[np.int32]:
        """(m,) of the rows; one that has none yet gets one, with the base's values."""
        fresh = rows[self._slot_of[rows] < 0]
        if len(fresh):
            slots = np.arange(self._used, self._used + len(fresh), dtype=np.int32)
            self._make_room(self._used + len(fresh))
            old = fresh < self.base.count
            self._values.put(slots[old], self._of_base(fresh[old]))
            self._there[slots] = True  # `count` knows it already
            self._row_of[slots], self._slot_of[fresh] = fresh, slots
            self._used += len(fresh)
        return self._slot_of[rows]

    def _keep(
        self, slots: NDArray[np.int32], values: ItemValues, foreign: NDArray[np.bool_]
    ) -> None:
        """Where a view's row can't be read, its values stay as they were, and grow old."""
        for at in np.flatnonzero(foreign.any(axis=0)).tolist():
            items, view = np.flatnonzero(foreign[:, at]), self._columns.views[at].name
            before = self._values.take(slots[items])
            values.event_time_us[items, at] = before.event_time_us[:, at]
            for dtype in ("int64", "float32"):
                places = np.array(self._columns.places(view, dtype), dtype=np.int64)
                values.block(dtype)[np.ix_(items, places)] = before.block(dtype)[:, places]

    def _of_base(self, rows: Rows) -> ItemValues:
        base = self.base
        return ItemValues(base.int64[rows], base.float32[rows], base.event_time_us[rows])

    def _make_room(self, wanted: int) -> None:
        room = len(self._there)
        if wanted <= room:
            return
        larger = self._nulls(max(2 * room, wanted))
        larger.put(np.arange(room), self._values)
        self._values = larger
        added = len(larger.int64) - room
        self._row_of = np.concatenate([self._row_of, np.full(added, -1)])
        self._there = np.concatenate([self._there, np.zeros(added, dtype=np.bool_)])

    def _nulls(self, count: int) -> ItemValues:
        base = self.base
        sizes = (block.shape[1] for block in (base.int64, base.float32, base.event_time_us))
        return null_values(count, *sizes)
