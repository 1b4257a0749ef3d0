"""The stream in which whoever changes an item's rows says so, after the change (docs/contracts.md).

An entry holds the view and the keys of up to 1,000 items, and no values: who follows reads the rows as they
are now, so that reading an entry twice changes nothing. A mark is an entry without keys, written by whoever
builds a snapshot.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serving.features.overlay import position_of

ITEM = "item_id"  # the join key of the views that are followed
MOST = 1_000_000  # entries that the stream keeps, about
BEGINNING = "0-0"  # before any entry
VIEW, KEYS = b"view", b"keys"


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One entry."""

    position: str  # its id in the stream
    view: str  # empty: a mark
    keys: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Changes:
    """What was found after a position, and between which entries the stream lay afterwards."""

    entries: tuple[ItemChange, ...]
    first: str | None  # None: the stream is empty
    last: str | None
    more: bool  # further entries may follow

    def continue_from(self, position: str) -> bool:
        """Whether nothing can have stood between the position and the entries.

        That is so if the stream still goes back to the position, which is that of an entry, and on to it.
        """
        if self.first is None or self.last is None:
            return position == BEGINNING
        at = position_of(position)
        return position_of(self.first) <= at <= position_of(self.last)


def as_entry(view: str = "", keys: NDArray[np.int64] | None = None) -> dict[str | bytes, bytes]:
    """The fields of an entry; without arguments, of a mark."""
    packed = b"" if keys is None else keys.astype("<i8", copy=False).tobytes()
    return {VIEW: view.encode(), KEYS: packed}


def is_mark(fields: Mapping[bytes, bytes]) -> bool:
    return not fields.get(KEYS)


def item_change(position: bytes, fields: Mapping[bytes, bytes]) -> ItemChange:
    """From an entry as Redis gives it."""
    keys = np.frombuffer(fields[KEYS], dtype="<i8")
    return ItemChange(position.decode(), fields[VIEW].decode(), keys)
