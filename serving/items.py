"""What the gateway knows of items: the values of some, and all of them as one snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from serving.types import Degraded, Keys, Mask, OfferTable

ABSENT = -1  # in event_time_us: the item has no row of that view
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ItemValues:
    """n items, row by row, with the columns and views of the read plan in its order."""

    int64: NDArray[np.int64]  # (n, Gi)
    float32: NDArray[np.float32]  # (n, Gf)
    event_time_us: NDArray[np.int64]  # (n, V), ABSENT where there is no row

    def block(self, dtype: str) -> NDArray[Any]:
        return self.int64 if dtype == "int64" else self.float32

    def take(self, rows: NDArray[np.integer[Any]]) -> "ItemValues":
        return ItemValues(self.int64[rows], self.float32[rows], self.event_time_us[rows])

    def part(self, rows: slice) -> "ItemValues":
        """The same memory."""
        return ItemValues(self.int64[rows], self.float32[rows], self.event_time_us[rows])

    def put(self, rows: NDArray[np.integer[Any]], values: "ItemValues") -> None:
        """Writes (m,) items into their rows."""
        self.int64[rows] = values.int64
        self.float32[rows] = values.float32
        self.event_time_us[rows] = values.event_time_us

    @property
    def known(self) -> NDArray[np.bool_]:
        """(n,) whether there is a row of any view."""
        found: NDArray[np.bool_] = (self.event_time_us != ABSENT).any(axis=1)
        return found


@dataclass(frozen=True, slots=True)
class Patch:
    """Values that stand in for those of the snapshot's base."""

    at: Rows  # (m,) where they belong
    values: ItemValues  # of m items


class ItemSnapshot(Protocol):
    """serving.features.live_items.LiveItems, its base alone, or a fake: all items that there are.

    An item has a row, which stays its own as long as the base does: the N of the base come first, and
    then, in the order in which they came, those that are newer.
    """

    @property
    def version(self) -> str: ...
    @property
    def count(self) -> int: ...  # of items that there are
    @property
    def present(self) -> Mask | None: ...  # (rows,) of an item that there is; None: all of the base
    @property
    def degradations(
        self,
    ) -> tuple[Degraded, ...]: ...  # of every answer made from it at this moment
    @property
    def offers(self) -> OfferTable | None: ...  # for rows of the base
    @property
    def popular(self) -> NDArray[np.int32]: ...  # rows, best selling first, then the newer items'

    # Of the base: (N,) or (N, columns), read-only.
    @property
    def item_key(self) -> Keys: ...  # ascending
    @property
    def int64(self) -> NDArray[np.int64]: ...
    @property
    def float32(self) -> NDArray[np.float32]: ...
    @property
    def event_time_us(self) -> NDArray[np.int64]: ...  # views in the plan's order

    def columns(
        self, dtype: Literal["int64", "float32"], names: Sequence[str]
    ) -> NDArray[np.int64]: ...

    def positions(self, keys: Keys) -> Rows: ...  # rows, -1 of what is no item
    def keys_at(self, rows: NDArray[np.integer[Any]]) -> Keys: ...
    def names(self, keys: Keys) -> list[str]: ...  # the ids of items, as on the wire
    def changed(self, rows: Rows) -> Patch | None: ...  # places among these rows, -1 among them
    def changes(self) -> Patch | None: ...  # all there are, by row
